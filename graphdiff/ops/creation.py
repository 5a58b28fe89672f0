"""Constants made from a shape, on the current backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.dtypes import as_dtype
from graphdiff.ops.shape import as_shape
from graphdiff.tensor import Tensor, as_tensor, leaf


def full(shape: Any, value: float, dtype: Any = None) -> Tensor:
    """A constant of one value; float64 unless said otherwise."""
    return leaf(np.full(as_shape("full", shape), value, str(as_dtype(dtype or "float64"))))


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """A constant of zeros; float64 unless said otherwise."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """A constant of ones; float64 unless said otherwise."""
    return full(shape, 1, dtype)


def zeros_like(x: Any) -> Tensor:
    """Zeros of the shape, dtype and backend of x."""
    return _like(x, 0)


def ones_like(x: Any) -> Tensor:
    """Ones of the shape, dtype and backend of x."""
    return _like(x, 1)


def _like(x: Any, value: int) -> Tensor:
    x = as_tensor(x)
    return leaf(np.full(x.shape, value), x.dtype, backend=x.backend)


def arange(*bounds: float, dtype: Any = None) -> Tensor:
    """``arange(stop)``, ``arange(start, stop)`` or ``arange(start, stop, step)``, as in NumPy."""
    return leaf(np.arange(*bounds), dtype)


def eye(n: int, m: int | None = None, dtype: Any = None) -> Tensor:
    """Ones on the diagonal of an n × m matrix (square by default), zeros elsewhere."""
    return leaf(np.eye(n, m), dtype)
