"""Constants made from a shape, on the current backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.arguments import shown
from graphdiff.backend import Backend, current_backend
from graphdiff.errors import ArgumentError, GraphdiffError
from graphdiff.graph import TensorSpec
from graphdiff.leaf import as_tensor, leaf
from graphdiff.ops.common import located, locating
from graphdiff.ops.shape import as_shape
from graphdiff.tensor import Tensor


def full(shape: Any, value: float, dtype: Any = None) -> Tensor:
    """A constant of one value; float64 unless said otherwise.

    Raises:
        ShapeError: no shape. ArgumentError: no number, or one that the dtype cannot hold. DTypeError: a
            dtype that the backend lacks.
    """
    try:
        spec = TensorSpec(as_shape("full", shape), "float64" if dtype is None else dtype)
        if getattr(value, "shape", ()) != ():
            raise ArgumentError(
                f"value={shown(value)} is no number",
                fix="give one; for several, gd.broadcast_to(values, shape)",
            )
    except GraphdiffError as error:
        raise located(error, "full") from None
    return _full(current_backend(), spec, value)


def _full(backend: Backend, spec: TensorSpec, value: float) -> Tensor:
    try:
        data = backend.full(spec.shape, value, spec.dtype)
    except GraphdiffError as problem:
        raise located(problem, "full") from None
    except (ValueError, TypeError, OverflowError, RuntimeError) as problem:
        error = ArgumentError(
            f"no {spec.dtype} tensor of {shown(value)}: {problem}", fix="choose another dtype"
        )
        raise located(error, "full") from None
    return leaf(data, backend=backend)


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
    return _full(x.backend, x.spec, value)


def arange(*bounds: float, dtype: Any = None) -> Tensor:
    """``arange(stop)``, ``arange(start, stop)`` or ``arange(start, stop, step)``, as in NumPy.

    Raises:
        ArgumentError: no such numbers.
    """
    try:
        if len(bounds) > 3:
            raise TypeError(f"{len(bounds)} numbers, at most 3")
        values = np.arange(*bounds)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as problem:
        error = ArgumentError(
            f"no range of {shown(bounds)}: {problem}",
            fix="give stop, or start and stop, or these and a step not 0",
        )
        raise located(error, "arange") from None
    return leaf(values, dtype)


def eye(n: int, m: int | None = None, dtype: Any = None) -> Tensor:
    """Ones on the diagonal of an n × m matrix (square by default), zeros elsewhere.

    Raises:
        ShapeError: sizes that are not integers of at least 0.
    """
    rows, columns = as_shape("eye", (n, n if m is None else m))
    with locating("eye"):
        TensorSpec((rows, columns), "float64")
    return leaf(np.eye(rows, columns), dtype)
