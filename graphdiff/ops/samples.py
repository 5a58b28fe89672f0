"""Inputs that suit the primitives, drawn from any :class:`graphdiff.testing.Source`.

Values lie on a grid that avoids the kinks (0, integers, ties), so that finite differences see a smooth
function; the kinks themselves have tests of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Sample = tuple[Sequence[Any], Mapping[str, Any]]
Samples = Callable[[Any], Sample]


def operands(count: int, low: float = -2.0, high: float = 2.0) -> Samples:
    """Operands whose shapes broadcast together, values between low and high."""

    def draw(s: Any) -> Sample:
        return [s.array(shape, low, high) for shape in s.broadcastable(count)], {}

    return draw


def untied_operands(s: Any) -> Sample:
    """Two operands that are nowhere equal."""
    one, two = s.broadcastable(2)
    return [s.array(one), s.array(two, offset=0.75)], {}


def booleans(count: int) -> Samples:
    def draw(s: Any) -> Sample:
        return [s.array(shape) > 0 for shape in s.broadcastable(count)], {}

    return draw


def choice(s: Any) -> Sample:
    """A condition and two operands."""
    condition, x, y = (s.array(shape) for shape in s.broadcastable(3))
    return [condition > 0, x, y], {}


def clip(s: Any) -> Sample:
    low = s.choice([-1.0, 0.0, -math.inf])
    return [s.array(s.shape())], {"low": low, "high": s.choice([0.0, 1.0, math.inf])}


def elu(s: Any) -> Sample:
    return [s.array(s.shape())], {"alpha": s.choice([1.0, 0.5, 2.0])}


def cast(s: Any) -> Sample:
    return [s.array(s.shape())], {"dtype": s.choice(["float64", "float32", "int64"])}


def reduction(s: Any) -> Sample:
    """A tensor, the axes to reduce, and whether to keep them."""
    shape = s.shape()
    return [s.array(shape)], {"axes": s.axes(len(shape)), "keepdims": s.boolean()}


def untied_reduction(s: Any) -> Sample:
    """The same with at least one element along every axis and no two elements equal."""
    shape = s.shape(min_side=1)
    return [s.distinct(shape)], {"axes": s.axes(len(shape)), "keepdims": s.boolean()}


def untied_axis(s: Any) -> Sample:
    shape = s.shape(min_dims=1, min_side=1)
    return [s.distinct(shape)], {"axis": s.axis(len(shape)), "keepdims": s.boolean()}


def moments(s: Any) -> Sample:
    """What a variance takes: more elements than ``ddof`` takes away."""
    shape = s.shape(min_dims=1, min_side=2)
    axes = s.axes(len(shape)) or (0,)
    return [s.distinct(shape)], {"axes": axes, "ddof": s.choice([0, 1]), "keepdims": s.boolean()}


def nonempty_reduction(s: Any) -> Sample:
    shape = s.shape(min_side=1)
    return [s.array(shape)], {"axes": s.axes(len(shape)), "keepdims": s.boolean()}


def along_axis(s: Any) -> Sample:
    shape = s.shape(min_dims=1, min_side=1)
    return [s.array(shape)], {"axis": s.axis(len(shape))}


def scan(s: Any) -> Sample:
    shape = s.shape(min_dims=1)
    return [s.array(shape)], {"axis": s.axis(len(shape)), "reverse": s.boolean()}


def reshape(s: Any) -> Sample:
    shape = s.shape()
    size = 1
    for n in shape:
        size *= n
    return [s.array(shape)], {"shape": s.choice([(size,), (1, size), shape[::-1], (*shape, 1)])}


def transpose(s: Any) -> Sample:
    shape = s.shape()
    return [s.array(shape)], {"axes": s.permutation(len(shape))}


def broadcast(s: Any) -> Sample:
    one, two = s.broadcastable(2)
    whole = tuple(b if a == 1 else a for a, b in zip(_padded(one, two), _padded(two, one), strict=True))
    return [s.array(one)], {"shape": whole}


def _padded(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (len(other) - len(shape)) + shape


def concatenate(s: Any) -> Sample:
    shape = s.shape(min_dims=1)
    axis = s.axis(len(shape))
    parts = [(*shape[:axis], s.integer(0, 3), *shape[axis + 1 :]) for _ in range(s.integer(1, 3))]
    return [s.array(part) for part in parts], {"axis": axis}


def strided(s: Any) -> Sample:
    """A tensor and one (start, stop, step) per axis, steps of either sign."""
    shape = s.shape()
    bounds = []
    for n in shape:
        step = s.choice([1, 2, -1, -2])
        first, last = sorted((s.integer(0, n), s.integer(0, n)))
        bounds.append((first, last, step) if step > 0 else (last - 1, first - 1, step))
    return [s.array(shape)], {"bounds": tuple(bounds)}


def embedded(s: Any) -> Sample:
    """What a strided slice gave, the bounds, and the shape it was taken from."""
    (x,), params = strided(s)
    shape = tuple(len(range(*b)) for b in params["bounds"])
    return [s.array(shape)], {"shape": x.shape, "bounds": params["bounds"], "value": s.choice([0.0, 1.5])}


def indexed(s: Any) -> Sample:
    """A tensor of at least two axes and two broadcast index tensors beside a slice."""
    shape = s.shape(min_dims=2, min_side=1)
    rows = s.integers(s.shape(max_dims=2), -shape[0], shape[0] - 1)
    columns = s.integers(rows.shape[-1:], -shape[1], shape[1] - 1)
    return [s.array(shape), rows, columns], {"key": s.choice([(0, 1), (0, 1, Ellipsis)])}


def updated(s: Any) -> Sample:
    """A tensor, updates, and where they go."""
    (x, *index), params = indexed(s)
    spots = x[tuple(index[k] if isinstance(k, int) else k for k in params["key"])]
    return [x, s.array(spots.shape), *index], params


def labels(s: Any) -> Sample:
    depth = s.integer(1, 5)
    dtype = s.choice(["float64", "float32"])
    return [s.integers(s.shape(), 0, depth - 1)], {"depth": depth, "dtype": dtype}


def matrices(s: Any) -> Sample:
    """Two stacks of matrices that multiply, their batch axes broadcast."""
    n, k, m = (s.integer(0, 3) for _ in range(3))
    one, two = s.broadcastable(2)
    return [s.array((*one[-2:], n, k)), s.array((*two[-2:], k, m))], {}


def einsum(s: Any) -> Sample:
    sizes = {letter: s.integer(1, 3) for letter in "ijkl"}
    subscripts = s.choice(["ij,jk->ik", "ij->ji", "i,j->ij", "ij,ij->", "ijk,kl,l->ji", "ij->", "i,ij,j->i"])
    terms = subscripts.split("->")[0].split(",")
    return [s.array(tuple(sizes[c] for c in term)) for term in terms], {"subscripts": subscripts}


# Convolution and pooling


def _spatial_axis(s: Any, longest: int = 3) -> tuple[int, int, int, tuple[int, int], int]:
    """A size, and a window that has a place on it: (size, window, stride, padding, dilation)."""
    window, stride, dilation = s.integer(1, longest), s.integer(1, 3), s.integer(1, 2)
    pair = (s.integer(0, 2), s.integer(0, 2))
    least = max(1, dilation * (window - 1) + 1 - sum(pair))
    return least + s.integer(0, 3), window, stride, pair, dilation


def _convolved(s: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Mapping[str, Any]]:
    """Shapes of input, filters and output, and the parameters."""
    axes: Any = zip(_spatial_axis(s), _spatial_axis(s), strict=True)
    sizes, kernel, stride, padding, dilation = axes
    groups = s.choice([1, 1, 2])
    n, c, o = s.integer(0 if s.integer(0, 7) == 7 else 1, 2), s.integer(1, 2), s.integer(1, 2)
    out = tuple(
        (size + sum(pair) - d * (k - 1) - 1) // step + 1
        for size, k, step, pair, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )
    params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (n, c * groups, *sizes), (o * groups, c, *kernel), (n, o * groups, *out), params


def convolution(s: Any) -> Sample:
    """Images and filters."""
    x, w, _, params = _convolved(s)
    return [s.array(x), s.array(w)], params


def convolution_input_grad(s: Any) -> Sample:
    """An upstream gradient and filters."""
    x, w, g, params = _convolved(s)
    return [s.array(g), s.array(w)], {**params, "input_shape": x}


def convolution_weight_grad(s: Any) -> Sample:
    """Images and an upstream gradient."""
    x, w, g, params = _convolved(s)
    return [s.array(x), s.array(g)], {**params, "weight_shape": w}


def _windows(s: Any) -> tuple[tuple[int, ...], Mapping[str, Any]]:
    """Planes, and windows on them that padding does not fill."""
    axes: Any = zip(_spatial_axis(s), _spatial_axis(s), strict=True)
    sizes, window, stride, padding, dilation = axes
    padding = tuple(
        (min(a, d * (k - 1) // 2), min(b, d * (k - 1) // 2))
        for (a, b), k, d in zip(padding, window, dilation, strict=True)
    )
    sizes = tuple(max(n, d * (k - 1) + 1) for n, k, d in zip(sizes, window, dilation, strict=True))
    params = {"window": window, "stride": stride, "padding": padding, "dilation": dilation}
    return (*s.shape(2, 2, max_side=2), *sizes), params


def max_pooled(s: Any) -> Sample:
    """Planes without equal elements."""
    shape, params = _windows(s)
    return [s.distinct(shape)], params


def gathered(s: Any) -> Sample:
    """Planes, and positions in them."""
    shape = s.shape(4, 4, min_side=1)
    index = s.integers((*shape[:2], s.integer(1, 2), s.integer(1, 3)), 0, shape[2] * shape[3] - 1)
    return [s.array(shape), index], {}


def scattered(s: Any) -> Sample:
    """Numbers, and where they go."""
    (x, index), _ = gathered(s)
    return [s.array(index.shape), index], {"shape": x.shape[2:]}


def summed(s: Any) -> Sample:
    shape, params = _windows(s)
    return [s.array(shape)], {k: v for k, v in params.items() if k != "dilation"}


def spread(s: Any) -> Sample:
    """One number for each place of windows on planes of a given shape."""
    (x,), params = summed(s)
    places = [
        (n + sum(pair) - k) // step + 1
        for n, k, step, pair in zip(
            x.shape[2:], params["window"], params["stride"], params["padding"], strict=True
        )
    ]
    return [s.array((*x.shape[:2], *places))], {**params, "shape": x.shape[2:]}


def channels(s: Any) -> Sample:
    shape = s.shape(min_dims=2, max_dims=4, max_side=4)
    return [s.array(shape)], {"before": s.integer(0, 3), "after": s.integer(0, 3)}


# Random numbers


def _key(s: Any) -> Any:
    return s.integers((2,), -(1 << 63), (1 << 63) - 1)


def drawn(s: Any) -> Sample:
    """A random key, and the shape of what is drawn from it."""
    return [_key(s)], {"shape": s.shape(max_side=5)}


def drawn_floats(s: Any) -> Sample:
    return [_key(s)], {"shape": s.shape(max_side=5), "dtype": s.choice(["float64", "float32"])}


def drawn_choices(s: Any) -> Sample:
    return [_key(s)], {"shape": s.shape(max_side=5), "p": s.choice([0.5, 0.25, 0.9, 1.0, 0.0])}


def drawn_integers(s: Any) -> Sample:
    low, width = s.integer(-9, 9), s.choice([3, 1, 1 << 32])
    return [_key(s)], {"shape": s.shape(max_side=5), "low": low, "high": low + width}


def shuffled(s: Any) -> Sample:
    return [_key(s)], {"n": s.integer(0, 9)}


def folded(s: Any) -> Sample:
    """A random key, and what is folded into it."""
    return [_key(s), s.integers(s.shape(), -3, 3)], {}
