"""Kernels that every backend can share, written once against the Python array API standard (2023.12).

``shared_kernels(xp)`` builds the table for a namespace; it is resolved once, never per call. Indexing,
einsum and special functions are each backend's own.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

from graphdiff.errors import DTypeError

Array = Any
Kernels = dict[str, Callable[..., Array]]


def shared_kernels(xp: Any) -> Kernels:
    """Primitive name -> kernel, for the namespace of an array-API library."""
    return {**_elementwise(xp), **_reductions(xp), **_shapes(xp)}


def _dtypes(xp: Any, *names: str) -> set[Any]:
    """dtypes as arrays have them, to be looked up in less time than ``xp.isdtype`` takes."""
    return {xp.empty(0, dtype=getattr(xp, name)).dtype for name in names}


def _elementwise(xp: Any) -> Kernels:
    integers = _dtypes(xp, *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))

    def cast(x: Array, dtype: str) -> Array:
        known = getattr(xp, dtype, None)
        if known is None:
            raise DTypeError(f"this backend has no {dtype}", fix="use float16, or the torch backend")
        return xp.astype(x, known, copy=False)

    def clip(x: Array, low: float, high: float) -> Array:
        low = min(low, high)  # the standard leaves crossed bounds open; the upper one wins
        if x.dtype not in integers:
            return xp.clip(x, float(low), float(high))  # another library's number would widen the result
        # Bounds rounded inwards: a fraction or an infinity would make the result floating.
        limits = xp.iinfo(x.dtype)
        if low > limits.max or high < limits.min:
            raise ValueError(f"{x.dtype} has no number between {low} and {high}")
        low = limits.min if low <= limits.min else math.ceil(low)
        return xp.clip(x, low, limits.max if high >= limits.max else math.floor(high))

    def relu(x: Array) -> Array:
        return xp.maximum(x, xp.asarray(0, dtype=x.dtype))

    return {
        "add": xp.add,
        "subtract": xp.subtract,
        "multiply": xp.multiply,
        "divide": xp.divide,
        "negative": xp.negative,
        "reciprocal": lambda x: 1 / x,
        "square": xp.square,
        "power": xp.pow,
        "exp": xp.exp,
        "expm1": xp.expm1,
        "log": xp.log,
        "log1p": xp.log1p,
        "sqrt": xp.sqrt,
        "sin": xp.sin,
        "cos": xp.cos,
        "tan": xp.tan,
        "arcsin": xp.asin,
        "arccos": xp.acos,
        "arctan": xp.atan,
        "sinh": xp.sinh,
        "cosh": xp.cosh,
        "tanh": xp.tanh,
        "arcsinh": xp.asinh,
        "abs": xp.abs,
        "sign": xp.sign,
        "relu": relu,
        "relu_grad": lambda g, x: xp.where(x <= 0, xp.asarray(0, dtype=g.dtype), g),
        "maximum": xp.maximum,
        "minimum": xp.minimum,
        "where": xp.where,
        "clip": clip,
        "equal": xp.equal,
        "not_equal": xp.not_equal,
        "less": xp.less,
        "less_equal": xp.less_equal,
        "greater": xp.greater,
        "greater_equal": xp.greater_equal,
        "logical_and": xp.logical_and,
        "logical_or": xp.logical_or,
        "logical_not": xp.logical_not,
        "floor": xp.floor,
        "ceil": xp.ceil,
        "round": xp.round,
        "isfinite": xp.isfinite,
        "isnan": xp.isnan,
        "cast": cast,
        "stop_gradient": lambda x: x,
        "identity": lambda x: x,
        "accumulate": lambda *xs: functools.reduce(operator.add, xs),
    }


def _reductions(xp: Any) -> Kernels:
    boolean = _dtypes(xp, "bool")

    def along(reduce: Callable[..., Array]) -> Callable[..., Array]:
        return lambda x, axes, keepdims: reduce(x, axis=axes, keepdims=keepdims)

    def counted(x: Array) -> Array:
        return xp.astype(x, xp.int64) if x.dtype in boolean else x  # the standard sums numbers only

    def sum(x: Array, axes: Any, keepdims: bool) -> Array:
        return xp.sum(counted(x), axis=axes, keepdims=keepdims)

    def cumsum(x: Array, axis: int, reverse: bool) -> Array:
        x = counted(x)
        if reverse:
            return xp.flip(xp.cumulative_sum(xp.flip(x, axis=axis), axis=axis), axis=axis)
        return xp.cumulative_sum(x, axis=axis)

    return {
        "sum": sum,
        "prod": along(xp.prod),
        "max": along(xp.max),
        "min": along(xp.min),
        "argmax": lambda x, axis, keepdims: xp.argmax(x, axis=axis, keepdims=keepdims),
        "argmin": lambda x, axis, keepdims: xp.argmin(x, axis=axis, keepdims=keepdims),
        "cumsum": cumsum,
    }


def _shapes(xp: Any) -> Kernels:
    def embed(x: Array, shape: tuple[int, ...], bounds: Any, value: float) -> Array:
        out = xp.full(shape, value, dtype=x.dtype)
        out[_slices(bounds)] = x
        return out

    return {
        "reshape": lambda x, shape: xp.reshape(x, shape),
        "transpose": lambda x, axes: xp.permute_dims(x, axes),
        "broadcast_to": lambda x, shape: xp.broadcast_to(x, shape),
        "concatenate": lambda *xs, axis: xp.concat(xs, axis=axis),
        "slice": lambda x, bounds: x[_slices(bounds)],
        "embed": embed,
        "matmul": xp.matmul,
    }


def _slices(bounds: Any) -> tuple[slice, ...]:
    """Explicit bounds as slices; a stop of −1 (downwards past the front) is spelled None, and what starts
    there is empty."""
    return tuple(
        slice(start, stop if stop >= 0 else None, step) if start >= 0 else slice(0, 0)
        for start, stop, step in bounds
    )
