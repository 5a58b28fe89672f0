"""What every primitive computes, written a second time: in NumPy and SciPy, and in torch.

Each entry takes the primitive's inputs and its canonical parameters.
"""

import math
from functools import reduce

import numpy as np
import scipy.special
import torch


def key_of(template, index):
    """The subscript that a static template and its index arrays mean."""
    entries = []
    for entry in template:
        if isinstance(entry, int):
            entries.append(index[entry])
        else:
            entries.append(slice(*entry) if isinstance(entry, tuple) else entry)
    return tuple(entries)


def grid_of(bounds):
    """The subscript that explicit bounds mean."""
    return np.ix_(*(np.arange(*b) for b in bounds))


# NumPy


def _numpy_cumsum(x, axis, reverse):
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


def _numpy_embed(x, shape, bounds, value):
    out = np.full(shape, value)
    out[grid_of(bounds)] = x
    return out


def _numpy_scatter_add(x, values, *index, key):
    """One addition after the other, as the definition says."""
    out = x.copy()
    spots = np.arange(x.size).reshape(x.shape)[key_of(key, index)]
    for spot, value in zip(spots.ravel(), values.ravel(), strict=True):
        out.ravel()[spot] += value
    return out


def _numpy_index_update(x, values, *index, key):
    out = x.copy()
    spots = np.arange(x.size).reshape(x.shape)[key_of(key, index)]
    for spot, value in zip(spots.ravel(), values.ravel(), strict=True):
        out.ravel()[spot] = value
    return out


def _numpy_norm(x, axes, keepdims):
    return np.sqrt(np.sum(np.abs(x) ** 2, axis=axes, keepdims=keepdims))


NUMPY = {
    "abs": np.abs,
    "accumulate": lambda *xs: sum(xs),
    "add": np.add,
    "arccos": np.arccos,
    "arcsin": np.arcsin,
    "arcsinh": np.arcsinh,
    "arctan": np.arctan,
    "argmax": lambda x, axis, keepdims: np.argmax(x, axis, keepdims=keepdims),
    "argmin": lambda x, axis, keepdims: np.argmin(x, axis, keepdims=keepdims),
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "cast": lambda x, dtype: x.astype(dtype),
    "ceil": np.ceil,
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "concatenate": lambda *xs, axis: np.concatenate(xs, axis),
    "cos": np.cos,
    "cosh": np.cosh,
    "cumsum": _numpy_cumsum,
    "divide": np.divide,
    "einsum": lambda *xs, subscripts: np.einsum(subscripts, *xs),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
    "embed": _numpy_embed,
    "equal": np.equal,
    "erf": scipy.special.erf,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "gelu_tanh": lambda x: x * scipy.special.expit(np.sqrt(8 / np.pi) * (x + 0.044715 * x**3)),
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "identity": np.array,
    "index": lambda x, *index, key: x[key_of(key, index)],
    "index_update": _numpy_index_update,
    "isfinite": np.isfinite,
    "isnan": np.isnan,
    "leaky_relu": lambda x, slope: np.maximum(x, 0) + slope * np.minimum(x, 0),
    "less": np.less,
    "less_equal": np.less_equal,
    "log": np.log,
    "log1p": np.log1p,
    "log_softmax": lambda x, axis: scipy.special.log_softmax(x, axis),
    "logical_and": np.logical_and,
    "logical_not": np.logical_not,
    "logical_or": np.logical_or,
    "logsumexp": lambda x, axes, keepdims: np.log(np.sum(np.exp(x), axes, keepdims=keepdims)),
    "matmul": np.matmul,
    "max": lambda x, axes, keepdims: np.max(x, axes, keepdims=keepdims),
    "maximum": np.maximum,
    "mean": lambda x, axes, keepdims: np.mean(x, axes, keepdims=keepdims),
    "min": lambda x, axes, keepdims: np.min(x, axes, keepdims=keepdims),
    "minimum": np.minimum,
    "multiply": np.multiply,
    "negative": np.negative,
    "norm": _numpy_norm,
    "not_equal": np.not_equal,
    "one_hot": lambda labels, depth, dtype: (labels[..., None] == np.arange(depth)).astype(dtype),
    "power": np.power,
    "prod": lambda x, axes, keepdims: np.prod(x, axes, keepdims=keepdims),
    "reciprocal": lambda x: 1 / x,
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "relu_grad": lambda g, x: g * (x > 0),
    "reshape": lambda x, shape: np.reshape(x, shape),
    "round": np.round,
    "scatter_add": _numpy_scatter_add,
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "sigmoid": lambda x: (1 + np.tanh(x / 2)) / 2,
    "sign": np.sign,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "sin": np.sin,
    "sinh": np.sinh,
    "slice": lambda x, bounds: x[grid_of(bounds)],
    "softmax": lambda x, axis: scipy.special.softmax(x, axis),
    "softplus": lambda x: np.logaddexp(0, x),
    "sqrt": np.sqrt,
    "square": lambda x: x * x,
    "std": lambda x, axes, ddof, keepdims: np.std(x, axes, ddof=ddof, keepdims=keepdims),
    "stop_gradient": np.array,
    "subtract": np.subtract,
    "sum": lambda x, axes, keepdims: np.sum(x, axes, keepdims=keepdims),
    "tan": np.tan,
    "tanh": np.tanh,
    "transpose": lambda x, axes: np.transpose(x, axes),
    "var": lambda x, axes, ddof, keepdims: np.var(x, axes, ddof=ddof, keepdims=keepdims),
    "where": np.where,
}

# torch


def over(reduce_last):
    """A torch reduction of the last axis, as one over any axes: torch takes an empty tuple for all axes,
    and some reductions take one axis only."""

    def along(x, axes, keepdims, **options):
        rest = [a for a in range(x.ndim) if a not in axes]
        last = math.prod(x.shape[a] for a in axes)
        shape = [x.shape[a] for a in rest]
        result = reduce_last(x.permute([*rest, *axes]).reshape(*shape, last), **options)
        return result.reshape([1 if a in axes else n for a, n in enumerate(x.shape)] if keepdims else shape)

    return along


def rearranged(numpy_function):
    """A rearrangement of elements in torch, by the positions that NumPy's gives: differentiable, and
    independent of what is tested."""

    def in_torch(x, *args, **params):
        order = numpy_function(np.arange(x.numel()).reshape(tuple(x.shape)), *args, **params)
        return x.reshape(-1)[torch.from_numpy(np.array(order))]

    return in_torch


def _torch_embed(x, shape, bounds, value):
    out = torch.full(shape, value, dtype=x.dtype).reshape(-1)
    spots = np.arange(math.prod(shape)).reshape(shape)[grid_of(bounds)]
    return out.index_put((torch.from_numpy(spots.ravel()),), x.reshape(-1)).reshape(shape)


def _torch_scatter(accumulate):
    """The last of several values written to one spot stays; torch leaves that open, so it is told."""

    def scatter(x, values, *index, key):
        spots = np.arange(x.numel()).reshape(tuple(x.shape))[key_of(key, [i.numpy() for i in index])].ravel()
        last = [k for k, spot in enumerate(spots) if accumulate or spot not in spots[k + 1 :]]
        places = torch.from_numpy(spots[last])
        flat = x.reshape(-1).index_put((places,), values.reshape(-1)[last], accumulate=accumulate)
        return flat.reshape(x.shape)

    return scatter


def _torch_moment(x, axes, ddof, keepdims):
    return over(lambda y: torch.var(y, -1, correction=ddof))(x, axes, keepdims)


def _torch_cumsum(x, axis, reverse):
    return (
        torch.flip(torch.cumsum(torch.flip(x, (axis,)), axis), (axis,)) if reverse else torch.cumsum(x, axis)
    )


TORCH = {
    "abs": torch.abs,
    "accumulate": lambda *xs: reduce(torch.add, xs),
    "add": torch.add,
    "arccos": torch.arccos,
    "arcsin": torch.arcsin,
    "arcsinh": torch.arcsinh,
    "arctan": torch.arctan,
    "argmax": lambda x, axis, keepdims: torch.argmax(x, axis, keepdims),
    "argmin": lambda x, axis, keepdims: torch.argmin(x, axis, keepdims),
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "cast": lambda x, dtype: x.to(getattr(torch, dtype)),
    "ceil": torch.ceil,
    "clip": lambda x, low, high: torch.clip(x, low, high),
    "concatenate": lambda *xs, axis: torch.concatenate(xs, axis),
    "cos": torch.cos,
    "cosh": torch.cosh,
    "cumsum": _torch_cumsum,
    "divide": torch.divide,
    "einsum": lambda *xs, subscripts: torch.einsum(subscripts, *xs),
    "elu": torch.nn.functional.elu,
    "embed": _torch_embed,
    "equal": torch.eq,
    "erf": torch.erf,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "floor": torch.floor,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "identity": torch.clone,
    "index": lambda x, *index, key: x[key_of(key, index)],
    "index_update": _torch_scatter(accumulate=False),
    "isfinite": torch.isfinite,
    "isnan": torch.isnan,
    "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "less": torch.lt,
    "less_equal": torch.le,
    "log": torch.log,
    "log1p": torch.log1p,
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    "logical_and": torch.logical_and,
    "logical_not": torch.logical_not,
    "logical_or": torch.logical_or,
    "logsumexp": over(lambda x: torch.logsumexp(x, -1)),
    "matmul": torch.matmul,
    "max": over(lambda x: torch.amax(x, -1)),
    "maximum": torch.maximum,
    "mean": over(lambda x: torch.mean(x, -1)),
    "min": over(lambda x: torch.amin(x, -1)),
    "minimum": torch.minimum,
    "multiply": torch.multiply,
    "negative": torch.negative,
    "norm": over(lambda x: torch.linalg.vector_norm(x, dim=-1)),
    "not_equal": torch.ne,
    "one_hot": lambda labels, depth, dtype: torch.eye(depth, dtype=getattr(torch, dtype))[labels],
    "power": torch.pow,
    "prod": over(lambda x: torch.prod(x, -1)),
    "reciprocal": torch.reciprocal,
    "relu": torch.relu,
    "relu_grad": lambda g, x: torch.where(x.detach() > 0, g, 0),
    "reshape": torch.reshape,
    "round": torch.round,
    "scatter_add": _torch_scatter(accumulate=True),
    "selu": torch.selu,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "silu": torch.nn.functional.silu,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "slice": rearranged(lambda x, bounds: x[grid_of(bounds)]),
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "softplus": torch.nn.functional.softplus,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "std": lambda x, **params: torch.sqrt(_torch_moment(x, **params)),
    "stop_gradient": torch.detach,
    "subtract": torch.subtract,
    "sum": over(lambda x: torch.sum(x, -1)),
    "tan": torch.tan,
    "tanh": torch.tanh,
    "transpose": lambda x, axes: torch.permute(x, axes),
    "var": _torch_moment,
    "where": torch.where,
}

from ops import references_random as _random  # noqa: E402
from ops import references_spatial as _spatial  # noqa: E402

NUMPY |= _spatial.NUMPY | _random.NUMPY
TORCH |= _spatial.TORCH | _random.TORCH
