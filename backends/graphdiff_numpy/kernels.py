"""Kernels of NumPy's own, over those that all array-API backends share.

NaN and infinity are results here as on every backend: NumPy's warnings about them are switched off
inside the kernels that give rise to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff.errors import ArgumentError
from graphdiff.kernels import Kernels, shared_kernels
from graphdiff.ops.indexing import full_key
from graphdiff_numpy import convolution, normalization, pooling, random
from graphdiff_numpy.scalar_kernels import bare_scalars, with_scalars

Array = Any


# No arithmetic, so nothing to warn of: they need not pay for the switch.
_SILENT = frozenset(
    "negative abs sign where relu_grad equal not_equal less less_equal greater greater_equal logical_and "
    "logical_or logical_not floor ceil round isfinite isnan stop_gradient identity max min argmax argmin "
    "reshape transpose broadcast_to concatenate slice embed index index_update one_hot".split()
)


def _special(name: str) -> Callable[..., Array]:
    def run(x: Array) -> Array:
        import scipy.special  # 0.1 s to import, so not before it is used

        return getattr(scipy.special, name)(x).astype(x.dtype, copy=False)  # it knows no float16

    return run


def _index(x: Array, *index: Array, key: tuple[Any, ...]) -> Array:
    return x[full_key(key, index)]


def _scatter_add(x: Array, values: Array, *index: Array, key: tuple[Any, ...]) -> Array:
    out = np.array(x)
    np.add.at(out, full_key(key, index), values)
    return out


def _index_update(x: Array, values: Array, *index: Array, key: tuple[Any, ...]) -> Array:
    # NumPy visits repeated spots in the order of memory; in C order the last value is the last one given.
    out = np.array(x)
    index = tuple(np.asarray(i, order="C") for i in index)
    out[full_key(key, index)] = np.asarray(values, order="C")
    return out


def _one_hot(labels: Array, depth: int, dtype: str) -> Array:
    labels = np.asarray(labels)
    if labels.size and (labels.min() < 0 or labels.max() >= depth):
        wrong = labels[(labels < 0) | (labels >= depth)].flat[0]
        raise ArgumentError(
            f"label {wrong} is outside 0 … {depth - 1}",
            fix="number the classes from 0; there must be a score for each, in one_hot a depth for all",
        )
    out = np.zeros((*labels.shape, depth), dtype)
    out.reshape(-1)[np.arange(labels.size) * depth + labels.ravel().astype(np.int64)] = 1
    return out


def _einsum(*arrays: Array, subscripts: str) -> Array:
    # The planner costs more than it saves on two operands.
    return np.einsum(subscripts, *arrays, optimize=len(arrays) > 2)


_BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}
_MANY = 1 << 12  # elements from which masking bits pays


def _where(condition: Array, x: Array, y: Array) -> Array:
    """``np.where``, which branches on every element; zeros instead of y are masked in, several times
    faster and the same to the last bit."""
    large = np.size(x) >= _MANY and np.shape(condition) == np.shape(x)
    if large and not np.shape(y) and x.dtype in _BITS and y == 0 and not np.signbit(y):
        bits = _BITS[x.dtype]
        mask = np.negative(condition.view(np.int8), dtype=bits)  # all ones where true
        return np.bitwise_and(x.view(bits), mask, out=mask).view(x.dtype)
    return np.where(condition, x, y)


def _relu_grad(g: Array, x: Array, out: Array | None = None) -> Array:
    """Zeros masked in by bits where x ≤ 0. ``out`` must not be g."""
    large = np.size(g) >= _MANY and np.shape(g) == np.shape(x)
    if large and g.dtype in _BITS:
        bits = _BITS[g.dtype]
        mask = None if out is None else out.view(bits)
        mask = np.subtract(np.less_equal(x, 0).view(np.int8), 1, out=mask, dtype=bits)  # all ones where x > 0
        return np.bitwise_and(g.view(bits), mask, out=mask).view(g.dtype)
    if out is None:
        return np.where(x <= 0, np.zeros((), np.asarray(g).dtype), g)
    np.copyto(out, g)
    np.copyto(out, 0, where=x <= 0)
    return out


# Without the switch: a compiled program throws it once for all of its kernels.
RAW: Kernels = shared_kernels(np) | {
    "reciprocal": np.reciprocal,
    # Methods and ufuncs in place of the functions around them, which take longer than they do.
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, axes: x.transpose(axes),
    "max": lambda x, axes, keepdims: np.maximum.reduce(x, axis=axes, keepdims=keepdims),
    "min": lambda x, axes, keepdims: np.minimum.reduce(x, axis=axes, keepdims=keepdims),
    "where": _where,
    "relu_grad": _relu_grad,
    "erf": _special("erf"),
    "sigmoid": _special("expit"),
    "index": _index,
    "scatter_add": _scatter_add,
    "index_update": _index_update,
    "one_hot": _one_hot,
    "einsum": _einsum,
    **convolution.KERNELS,
    **normalization.KERNELS,
    **pooling.KERNELS,
    **random.KERNELS,
}


# The same for one value after another, scalars among them.
BARE: Kernels = bare_scalars(RAW)


def kernels() -> Kernels:
    """Primitive name -> kernel, for one call at a time."""
    quiet = np.errstate(all="ignore")
    silenced = {name: kernel if name in _SILENT else quiet(kernel) for name, kernel in RAW.items()}
    return with_scalars(silenced, RAW)
