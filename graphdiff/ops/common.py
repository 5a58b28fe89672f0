"""What the operations share: shape rules, axes, and how errors name their operands."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from graphdiff import source
from graphdiff.arguments import check_flags, shown
from graphdiff.dtypes import DType
from graphdiff.errors import ArgumentError, AxisError, DTypeError, GraphdiffError, ShapeError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.leaf import leaf
from graphdiff.tensor import Tensor, describe

BOOL = DType("bool")
INT = DType("int64")
FLOAT = DType("float64")


def located(error: GraphdiffError, operation: str, *inputs: Tensor) -> GraphdiffError:
    """The error, told which operation on which tensors raised it, at which of the user's lines."""
    error.locate(operation, describe(inputs), source.describe(source.caller()))
    return error


class locating:
    """Errors from inside are told the operation, its inputs and the user's line."""

    # Not a generator: contextlib's frame would be taken for the user's.

    def __init__(self, operation: str, *inputs: Tensor) -> None:
        self._operation, self._inputs = operation, inputs

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, GraphdiffError):
            located(error, self._operation, *self._inputs)


def as_tensors(*values: Any) -> tuple[Tensor, ...]:
    """The values as tensors; host values join the backend of the first tensor among them."""
    home = next((v.backend for v in values if isinstance(v, Tensor)), None)
    return tuple(v if isinstance(v, Tensor) else leaf(v, backend=home, copy=True) for v in values)


# Shape rules


def same_spec(x: TensorSpec, **_: Any) -> TensorSpec:
    """The result looks like the operand."""
    return x


def numeric_spec(*specs: TensorSpec, **_: Any) -> TensorSpec:
    """Operands of one dtype that is not bool, broadcast together."""
    if specs[0].dtype == "bool":
        raise DTypeError("booleans have no arithmetic", fix="cast first: x.astype('float64')")
    return broadcast_spec(*specs)


def broadcast_spec(*specs: TensorSpec, **_: Any) -> TensorSpec:
    """Operands of one dtype, broadcast together."""
    return TensorSpec(broadcast_shapes(*(s.shape for s in specs)), specs[0].dtype)


def free(out: TensorSpec, *specs: TensorSpec, **_: Any) -> int:
    """The operations of what only moves or reinterprets numbers: none."""
    return 0


def one_per_merger(out: TensorSpec, x: TensorSpec, **_: Any) -> int:
    """The operations of a reduction: n elements become one by n − 1."""
    return max(x.size - out.size, 0)


def comparison_spec(*specs: TensorSpec, **_: Any) -> TensorSpec:
    return TensorSpec(broadcast_shapes(*(s.shape for s in specs)), BOOL)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that all shapes broadcast to.

    Raises:
        ShapeError: two sizes differ and neither is 1; says on which axis.
    """
    rank = max(map(len, shapes))
    result = [1] * rank
    for shape in shapes:
        for axis, n in enumerate(shape, rank - len(shape)):
            if n != 1 and result[axis] not in (1, n):
                raise ShapeError(
                    f"shapes {' and '.join(map(str, shapes))} do not broadcast: "
                    f"sizes {result[axis]} and {n} meet on axis {axis - rank}",
                    fix="aligned from the last axis, sizes must be equal or 1; reshape, transpose or "
                    "expand_dims one of them",
                )
            if n != 1:
                result[axis] = n
    return tuple(result)


# Axes


def normalize_axis(operation: str, x: Tensor, axis: Any, rank: int | None = None) -> int:
    """The axis counted from the front.

    Raises:
        AxisError: outside the rank. ArgumentError: not an integer.
    """
    rank = x.ndim if rank is None else rank
    try:
        number = operator.index(axis)
    except TypeError:
        raise located(
            ArgumentError(f"axis {shown(axis)} is not an integer", fix="give an int"), operation, x
        ) from None
    if not -rank <= number < rank:
        allowed = f"use an axis from {-rank} to {rank - 1}" if rank else "a tensor without axes has none"
        raise located(
            AxisError(f"axis {number} is out of range for {rank} axes (shape {x.shape})", fix=allowed),
            operation,
            x,
        )
    return number % rank


def normalize_axes(operation: str, x: Tensor, axis: Any) -> tuple[int, ...]:
    """The axes as a sorted tuple counted from the front; all of them for ``None``.

    Raises:
        AxisError: outside the rank, or named twice. ArgumentError: not integers.
    """
    if axis is None:
        return tuple(range(x.ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = sorted(normalize_axis(operation, x, a) for a in axes)
    if len(set(found)) < len(found):
        raise located(
            AxisError(f"axes {tuple(axes)} name one axis twice", fix="name each axis once"), operation, x
        )
    return tuple(found)


def kept(operation: str, x: Tensor, keepdims: Any) -> bool:
    """Whether reduced axes are kept, with size 1.

    Raises:
        ArgumentError: neither true nor false.
    """
    if keepdims is not True and keepdims is not False:
        with locating(operation, x):
            check_flags(keepdims=keepdims)
    return bool(keepdims)


def reduced_shape(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)
