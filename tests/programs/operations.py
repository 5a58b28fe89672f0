"""The operations of random programs, each written three times: for graphdiff, in NumPy, and in torch.

Torch has its own autograd, the oracle of the gradients; what only moves elements takes them there by the
positions that NumPy gives. An operation draws its parameters for the operands it is given, or says that it
cannot be applied to them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
import torch
from hypothesis import strategies as st
from ops.references import over, rearranged

import graphdiff as gd


def none(draw, *operands):
    """No parameters."""
    return {}


@dataclass(frozen=True)
class Operation:
    """Attributes:
    ours, numpy, torch: called with the operands and the parameters.
    draw: ``draw(draw, *arrays)`` gives the parameters, ``None`` where it cannot be applied.
    kinds: of the operands: f floating, i integer, b bool.
    kink: distances of the operands from where a derivative jumps, which may fall to either side there.
    """

    ours: Callable[..., Any]
    numpy: Callable[..., Any]
    torch: Callable[..., Any]
    draw: Callable[..., Any] = none
    kinds: str = "f"
    kink: Callable[..., Any] | None = None


def moved(ours, numpy, draw=none, kinds="f"):
    """Only moves elements."""
    return Operation(ours, numpy, rearranged(numpy), draw, kinds)


SMOOTH = {
    "tanh": Operation(gd.tanh, np.tanh, torch.tanh),
    "sigmoid": Operation(gd.sigmoid, scipy.special.expit, torch.sigmoid),
    "sin": Operation(gd.sin, np.sin, torch.sin),
    "cos": Operation(gd.cos, np.cos, torch.cos),
    "arctan": Operation(gd.arctan, np.arctan, torch.arctan),
    "arcsinh": Operation(gd.arcsinh, np.arcsinh, torch.arcsinh),
    "erf": Operation(gd.erf, scipy.special.erf, torch.erf),
    "gelu": Operation(gd.gelu, lambda x: x * scipy.special.ndtr(x), torch.nn.functional.gelu),
    "silu": Operation(gd.silu, lambda x: x * scipy.special.expit(x), torch.nn.functional.silu),
    "softplus": Operation(gd.softplus, lambda x: np.logaddexp(0, x), torch.nn.functional.softplus),
    "square": Operation(gd.square, np.square, torch.square),
    "negative": Operation(gd.negative, np.negative, torch.neg),
    "identity": Operation(gd.identity, np.copy, torch.clone),
    "cube": Operation(lambda x: x**3, lambda x: x**3, lambda x: x**3),
    "one minus": Operation(lambda x: 1 - x / 2, lambda x: 1 - x / 2, lambda x: 1 - x / 2),
    "exp": Operation(
        lambda x: gd.exp(gd.tanh(x)), lambda x: np.exp(np.tanh(x)), lambda x: torch.exp(torch.tanh(x))
    ),
    "expm1": Operation(
        lambda x: gd.expm1(gd.sin(x)), lambda x: np.expm1(np.sin(x)), lambda x: torch.expm1(torch.sin(x))
    ),
    "log": Operation(
        lambda x: gd.log(1 + x * x), lambda x: np.log(1 + x * x), lambda x: torch.log(1 + x * x)
    ),
    "log1p": Operation(lambda x: gd.log1p(x * x), lambda x: np.log1p(x * x), lambda x: torch.log1p(x * x)),
    "sqrt": Operation(
        lambda x: gd.sqrt(1 + x * x), lambda x: np.sqrt(1 + x * x), lambda x: torch.sqrt(1 + x * x)
    ),
    "reciprocal": Operation(
        lambda x: gd.reciprocal(1 + x * x), lambda x: 1 / (1 + x * x), lambda x: 1 / (1 + x * x)
    ),
}


def _from(*points):
    return lambda x: np.min([np.abs(x - point) for point in points], axis=0)


KINKED = {
    "relu": Operation(gd.relu, lambda x: np.where(x > 0, x, 0), torch.relu, kink=_from(0)),
    "abs": Operation(gd.abs, np.abs, torch.abs, kink=_from(0)),
    "elu": Operation(
        gd.elu,
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        torch.nn.functional.elu,
        kink=_from(0),
    ),
    "leaky relu": Operation(
        lambda x: gd.leaky_relu(x, 0.1),
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: torch.nn.functional.leaky_relu(x, 0.1),
        kink=_from(0),
    ),
    "clip": Operation(
        lambda x: gd.clip(x, -0.5, 0.75),
        lambda x: np.clip(x, -0.5, 0.75),
        lambda x: torch.clip(x, -0.5, 0.75),
        kink=_from(-0.5, 0.75),
    ),
    "sign": Operation(gd.sign, np.sign, torch.sign, kink=_from(0)),
    "floor": Operation(gd.floor, np.floor, torch.floor, kink=lambda x: np.abs(x - np.round(x))),
    "round": Operation(gd.round, np.round, torch.round, kink=lambda x: np.abs(x + 0.5 - np.round(x + 0.5))),
}


# Shapes


def an_axis(draw, x, *others):
    return {"axis": draw(st.integers(-x.ndim, x.ndim - 1))} if x.ndim else None


def _axis_of(x, draw):
    return draw(st.integers(0, x.ndim - 1))


def _shape(draw, x):
    """Another shape of as many elements, one of its sizes perhaps -1."""
    if not x.size:
        return {"shape": (0, *x.shape[1:][::-1])}
    first = draw(st.sampled_from([n for n in range(1, x.size + 1) if x.size % n == 0]))
    rest = x.size // first
    second = draw(st.sampled_from([n for n in range(1, rest + 1) if rest % n == 0]))
    return {
        "shape": draw(st.sampled_from([(first, second, rest // second), (first, -1), (-1,), (1, x.size)]))
    }


def _order(draw, x):
    return {"axes": tuple(draw(st.permutations(range(x.ndim))))}


def _spread(draw, x):
    """A shape that the operand broadcasts to."""
    sizes = [draw(st.integers(0, 3)) if n == 1 else n for n in x.shape]
    return {"shape": (*draw(st.sampled_from([(), (1,), (2,)])), *sizes)}


def _shift(draw, x):
    found = an_axis(draw, x)
    return found and {"shift": draw(st.integers(-4, 4)), **found}


def _widths(draw, x):
    return (
        {"pad_width": [(draw(st.integers(0, 2)), draw(st.integers(0, 1))) for _ in x.shape]}
        if x.ndim
        else None
    )


def _torch_pad(x, pad_width):
    return torch.nn.functional.pad(x, [n for pair in reversed(pad_width) for n in pair])


def _slice(draw, n):
    ends = st.none() | st.integers(-n - 1, n + 1)
    return slice(draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, -1, -2])))


def _key(draw, x):
    """Slices, new axes, an ellipsis, and an integer where there is one."""
    key = []
    for n in x.shape:
        kind = draw(st.sampled_from(["slice", "all", "int", "new"]))
        if kind == "new":
            key.append(None)
        key.append(
            draw(st.integers(-n, n - 1))
            if kind == "int" and n
            else _slice(draw, n)
            if kind == "slice"
            else slice(None)
        )
    return {"key": (*key, ...)}


SHAPE = {
    "reshape": moved(gd.reshape, np.reshape, _shape),
    "transpose": moved(gd.transpose, np.transpose, _order),
    "expand": moved(gd.expand_dims, np.expand_dims, lambda draw, x: {"axis": draw(st.integers(0, x.ndim))}),
    "squeeze": moved(gd.squeeze, np.squeeze),
    "broadcast": moved(gd.broadcast_to, np.broadcast_to, _spread),
    "flip": moved(gd.flip, np.flip, an_axis),
    "roll": moved(gd.roll, np.roll, _shift),
    "tile": moved(gd.tile, np.tile, lambda draw, x: {"reps": draw(st.sampled_from([2, (2, 1), (1, 2)]))}),
    "repeat": moved(lambda x, axis: gd.repeat(x, 2, axis), lambda x, axis: np.repeat(x, 2, axis), an_axis),
    "slice": moved(lambda x, key: x[key], lambda x, key: x[key], _key),
    "diagonal": moved(
        gd.diagonal, np.diagonal, lambda draw, x: {"offset": draw(st.integers(-1, 1))} if x.ndim > 1 else None
    ),
    "pad": Operation(lambda x, pad_width: gd.pad(x, pad_width), np.pad, _torch_pad, _widths),
}


# Reductions


def _some_axes(draw, x, nonempty=True):
    """Axes that hold something, and whether they stay."""
    usable = [a for a, n in enumerate(x.shape) if n or not nonempty]
    if not usable:
        return None
    axes = draw(st.lists(st.sampled_from(usable), min_size=1, unique=True))
    return {"axis": tuple(sorted(axes)), "keepdims": draw(st.booleans())}


def _reduction(ours, numpy, last, nonempty=True, kink=None):
    reduce = over(last)
    return Operation(
        ours,
        numpy,
        lambda x, axis, keepdims: reduce(x, axis, keepdims),
        lambda draw, x: _some_axes(draw, x, nonempty),
        kink=kink,
    )


def _gap(sign):
    """How far the extreme is from the next: ties share, and which is one hangs on rounding."""

    def gap(x, axis, keepdims):
        if not x.size:
            return np.ones(1)
        rest = np.moveaxis(x, axis, range(-len(axis), 0))
        rows = np.sort(sign * rest.reshape(*rest.shape[: x.ndim - len(axis)], -1), -1)
        return rows[..., -1] - rows[..., -2] if rows.shape[-1] > 1 else np.ones(1)

    return gap


def _lse(x, axis, keepdims):
    return np.log(np.sum(np.exp(x), axis, keepdims=keepdims))


REDUCTION = {
    "sum": _reduction(gd.sum, np.sum, lambda x: x.sum(-1), nonempty=False),
    "mean": _reduction(gd.mean, np.mean, lambda x: x.mean(-1)),
    "prod": _reduction(gd.prod, np.prod, lambda x: x.prod(-1), nonempty=False),
    "max": _reduction(gd.max, np.max, lambda x: x.amax(-1), kink=_gap(1)),
    "min": _reduction(gd.min, np.min, lambda x: x.amin(-1), kink=_gap(-1)),
    "var": _reduction(gd.var, np.var, lambda x: ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1)),
    "logsumexp": _reduction(gd.logsumexp, _lse, lambda x: torch.logsumexp(x, -1)),
    "cumsum": Operation(gd.cumsum, np.cumsum, lambda x, axis: torch.cumsum(x, axis), an_axis),
    "softmax": Operation(
        gd.softmax, scipy.special.softmax, torch.softmax, lambda draw, x: an_axis(draw, x) if x.size else None
    ),
    "log softmax": Operation(
        gd.log_softmax,
        scipy.special.log_softmax,
        torch.log_softmax,
        lambda draw, x: an_axis(draw, x) if x.size else None,
    ),
}


# Two operands


def fits(draw, x, y):
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return None
    return {}


def _joins(draw, x, y):
    axes = [
        a
        for a in range(x.ndim)
        if x.ndim == y.ndim
        and all(m == n or a == b for b, (m, n) in enumerate(zip(x.shape, y.shape, strict=True)))
    ]
    return {"axis": draw(st.sampled_from(axes))} if axes else None


def _subscripts(draw, x, y):
    """Of axes that are as long where they have one letter."""
    found = []
    for subscripts in ("ij,kj->ik", "ij,ij->j", "ij,j->i", "i,ij->ji", "i,i->", "i,j->ji", ",i->i"):
        letters = subscripts.partition("->")[0].split(",")
        sizes = set(zip("".join(letters), (*x.shape, *y.shape), strict=False))
        if [len(one) for one in letters] == [x.ndim, y.ndim] and len(sizes) == len({c for c, _ in sizes}):
            found.append(subscripts)
    return {"subscripts": draw(st.sampled_from(found))} if found else None


def _apart(x, y, **_):
    return np.abs(x - y)


def both(function, draw=fits, kink=None):
    """The same expression for all three."""
    return Operation(function, function, function, draw, "ff", kink)


BINARY = {
    "add": both(lambda x, y: x + y),
    "subtract": both(lambda x, y: x - y),
    "multiply": both(lambda x, y: x * y),
    "divide": both(lambda x, y: x / (1 + y * y)),
    "power": both(lambda x, y: (1.5 + x * x) ** (y / 4)),
    "maximum": Operation(gd.maximum, np.maximum, torch.maximum, fits, "ff", _apart),
    "minimum": Operation(gd.minimum, np.minimum, torch.minimum, fits, "ff", _apart),
    "concatenate": Operation(
        lambda x, y, axis: gd.concatenate([x, y], axis),
        lambda x, y, axis: np.concatenate([x, y], axis),
        lambda x, y, axis: torch.cat([x, y], axis),
        _joins,
        "ff",
    ),
    "stack": Operation(
        lambda x, y, axis: gd.stack([x, y], axis),
        lambda x, y, axis: np.stack([x, y], axis),
        lambda x, y, axis: torch.stack([x, y], axis),
        lambda draw, x, y: {"axis": draw(st.integers(0, x.ndim))} if x.shape == y.shape else None,
        "ff",
    ),
    "matmul": Operation(
        gd.matmul,
        np.matmul,
        torch.matmul,
        lambda draw, x, y: {} if x.ndim == y.ndim == 2 and x.shape[1] == y.shape[0] else None,
        "ff",
    ),
    "einsum": Operation(
        lambda x, y, subscripts: gd.einsum(subscripts, x, y),
        lambda x, y, subscripts: np.einsum(subscripts, x, y),
        lambda x, y, subscripts: torch.einsum(subscripts, x, y),
        _subscripts,
        "ff",
    ),
    "outer": Operation(
        gd.outer, np.outer, torch.outer, lambda draw, x, y: {} if x.ndim == y.ndim == 1 else None, "ff"
    ),
}


# Integers and truths: they have no gradient, and choose where others go


def _discrete(ours, numpy, theirs, draw=none, kinds="f", kink=None):
    return Operation(ours, numpy, theirs, draw, kinds, kink)


def _taken(take, clip):
    """Elements along an axis at whole numbers, brought into its range; negative ones count from its end."""
    return lambda x, i, axis: take(x, clip(i, -x.shape[axis], x.shape[axis] - 1), axis)


def _torch_take(x, i, axis):
    before, after = x.shape[: axis % x.ndim], x.shape[axis % x.ndim + 1 :]
    return torch.index_select(x, axis, i.reshape(-1) % x.shape[axis]).reshape((*before, *i.shape, *after))


def _holds(draw, x, i):
    found = an_axis(draw, x)
    return found if found and x.shape[found["axis"]] and i.size <= 8 and i.ndim < 3 else None


def _choice(draw, b, x, y):
    try:
        np.broadcast_shapes(b.shape, x.shape, y.shape)
    except ValueError:
        return None
    return {}


DISCRETE = {
    "less": _discrete(gd.less, np.less, torch.lt, fits, "ff", _apart),
    "greater or equal": _discrete(gd.greater_equal, np.greater_equal, torch.ge, fits, "ff", _apart),
    "and": _discrete(gd.logical_and, np.logical_and, torch.logical_and, fits, "bb"),
    "not": _discrete(gd.logical_not, np.logical_not, torch.logical_not, kinds="b"),
    "to float": _discrete(
        lambda b: gd.cast(b, "float64"),
        lambda b: b.astype("float64"),
        lambda b: b.to(torch.float64),
        kinds="b",
    ),
    "to integer": _discrete(
        lambda b: gd.cast(b, "int64"), lambda b: b.astype("int64"), lambda b: b.to(torch.int64), kinds="b"
    ),
    "argmax": _discrete(
        gd.argmax,
        np.argmax,
        lambda x, axis: torch.argmax(x, axis),
        lambda draw, x: an_axis(draw, x) if x.size else None,
        kink=lambda x, axis: _gap(1)(x, (axis,), False),
    ),
    "add integers": _discrete(lambda i, j: i + j, lambda i, j: i + j, lambda i, j: i + j, fits, "ii"),
    "multiply integers": _discrete(lambda i, j: i * j, lambda i, j: i * j, lambda i, j: i * j, fits, "ii"),
    "scale by integers": _discrete(
        lambda x, i: x * gd.cast(i, "float64"), lambda x, i: x * i, lambda x, i: x * i, fits, "fi"
    ),
    "take": Operation(
        _taken(gd.take, gd.clip), _taken(np.take, np.clip), _taken(_torch_take, torch.clip), _holds, "fi"
    ),
    "where": Operation(gd.where, np.where, torch.where, _choice, "bff"),
    "one hot": _discrete(
        lambda i: gd.one_hot(gd.clip(i, 0, 2), 3),
        lambda i: (np.clip(i, 0, 2)[..., None] == np.arange(3)).astype("float64"),
        lambda i: torch.eye(3, dtype=torch.float64)[torch.clip(i, 0, 2)],
        kinds="i",
    ),
}


# Convolution and pooling of a matrix, by loops


def _windows(x, h, w, stride, padding):
    """(row, column, window) of a padded matrix."""
    x = np.pad(x, padding)
    for r, top in enumerate(range(0, x.shape[0] - h + 1, stride)):
        for c, left in enumerate(range(0, x.shape[1] - w + 1, stride)):
            yield r, c, x[top : top + h, left : left + w]


def _sizes(x, h, w, stride, padding):
    return tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape, (h, w), strict=True))


def _numpy_conv(x, w, stride, padding):
    out = np.zeros(_sizes(x, *w.shape, stride, padding))
    for r, c, window in _windows(x, *w.shape, stride, padding):
        out[r, c] = (window * w).sum()
    return out


def _numpy_pool(reduce):
    def pool(x, size):
        out = np.zeros(_sizes(x, size, size, 1, 0))
        for r, c, window in _windows(x, size, size, 1, 0):
            out[r, c] = reduce(window)
        return out

    return pool


def _filter(draw, x, w):
    if x.ndim != 2 or w.ndim != 2 or not x.size or not w.size or w.size > 9:
        return None
    stride, padding = draw(st.sampled_from([1, 2])), draw(st.sampled_from([0, 1]))
    room = [n + 2 * padding - k for n, k in zip(x.shape, w.shape, strict=True)]
    fits = all(left >= 0 and left % stride == 0 for left in room)
    return {"stride": stride, "padding": padding} if fits else None


def _window(draw, x):
    return {"size": draw(st.integers(1, min(x.shape)))} if x.ndim == 2 and min(x.shape) else None


def _pool_gap(x, size):
    gaps = [np.diff(np.sort(window.ravel()))[-1:] for *_, window in _windows(x, size, size, 1, 0)]
    return np.concatenate(gaps)


SPATIAL = {
    "convolve": Operation(
        lambda x, w, **o: gd.conv2d(x[None, None], w[None, None], **o)[0, 0],
        _numpy_conv,
        lambda x, w, **o: torch.nn.functional.conv2d(x[None, None], w[None, None], **o)[0, 0],
        _filter,
        "ff",
    ),
    "max pool": Operation(
        lambda x, size: gd.max_pool2d(x[None, None], size, 1)[0, 0],
        _numpy_pool(np.max),
        lambda x, size: torch.nn.functional.max_pool2d(x[None, None], size, 1)[0, 0],
        _window,
        kink=_pool_gap,
    ),
    "average pool": Operation(
        lambda x, size: gd.avg_pool2d(x[None, None], size, 1)[0, 0],
        _numpy_pool(np.mean),
        lambda x, size: torch.nn.functional.avg_pool2d(x[None, None], size, 1)[0, 0],
        _window,
    ),
}

FAMILIES = {
    "smooth": SMOOTH,
    "kinked": KINKED,
    "shape": SHAPE,
    "reduction": REDUCTION,
    "binary": BINARY,
    "discrete": DISCRETE,
    "spatial": SPATIAL,
}
OPERATIONS = {name: operation for family in FAMILIES.values() for name, operation in family.items()}
assert len(OPERATIONS) == sum(map(len, FAMILIES.values()))
