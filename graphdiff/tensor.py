"""Tensors: values that remember how they were computed.

Every operation computes at once and, where an operand is recorded (a variable, a parameter, or something
computed from one), records itself: the result keeps its primitive, its operands, its scope and the
user's source line. A tensor refers to its operands and nothing refers back, so a graph lives exactly as
long as its results do, without reference cycles. Operands are older than results, so ordering tensors by
``id`` is a topological order.

A tensor without data stands for any value of its spec: that is how a function is traced.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from graphdiff import context, source
from graphdiff.arguments import check_kind
from graphdiff.backend import Array, Backend
from graphdiff.dtypes import DType
from graphdiff.errors import (
    DTypeError,
    MutationError,
    ShapeError,
    TracingError,
)
from graphdiff.graph import Role, Shape, TensorSpec
from graphdiff.primitive import Application, Primitive

if TYPE_CHECKING:
    from graphdiff.autodiff.record import Backward

next_id = itertools.count(1).__next__
_NO_PARAMS: Mapping[str, Any] = MappingProxyType({})
Scalar = (bool, int, float)


class Tensor:
    """An array of one backend, with the operation that made it.

    Made by :mod:`graphdiff.leaf` and by operations; not called directly.

    Attributes:
        data: the backend's array, or ``None`` while tracing.
        spec: shape and dtype.
        primitive, inputs, params: what computed it from what; a leaf has no primitive.
        application: what all nodes like it have in common.
        recorded: whether operations on it are recorded.
        name: the user's name for it; may be set.
        grad: after ``backward()``, the gradient of a variable or parameter as a plain array.
    """

    __slots__ = (
        "__weakref__",
        "application",
        "backend",
        "context",
        "data",
        "grad",
        "id",
        "inputs",
        "name",
        "primitive",
        "recorded",
        "spec",
        "user_code",
        "user_offset",
    )

    id: int
    data: Array
    spec: TensorSpec
    backend: Backend
    primitive: Primitive | None
    application: Application | None
    inputs: tuple[Tensor, ...]
    context: context.Context
    recorded: bool
    name: str
    grad: Array
    user_code: CodeType | None  # not kept together: one object less for the collector to look at
    user_offset: int

    # What it is

    is_cell = False
    changed_at = 0  # a cell's is the time of its last new value, on the clock of ids

    @property
    def shape(self) -> Shape:
        return self.spec.shape

    @property
    def dtype(self) -> DType:
        return self.spec.dtype

    @property
    def source(self) -> source.Source | None:
        """The user's line that made it."""
        return None if self.user_code is None else (self.user_code, self.user_offset)

    @source.setter
    def source(self, at: source.Source | None) -> None:
        self.user_code, self.user_offset = at or (None, 0)

    @property
    def params(self) -> Mapping[str, Any]:
        """The primitive's static parameters."""
        return _NO_PARAMS if self.application is None else self.application.params

    @property
    def ndim(self) -> int:
        return len(self.spec.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.spec.size

    @property
    def role(self) -> Role:
        return self.context.role

    @property
    def label(self) -> str:
        """The name if there is one, else what it is and its number."""
        return self.name or f"{self.primitive.name if self.primitive else self.role}#{self.id}"

    def named(self, name: str) -> Self:
        """Give the tensor a name, for pictures, tables and errors; returns the tensor."""
        check_kind("name", name, str, "give a string")
        self.name = name
        return self

    # Its values

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values as a read-only NumPy array; no gradient flows through it."""
        view = np.asarray(self.backend.to_numpy(self._value("np.asarray")))[...]
        view.flags.writeable = False
        return view

    def item(self) -> float | int | bool:
        """The value of a tensor of one element, as a Python number."""
        if self.size != 1:
            raise ShapeError(
                f"{self.label} has {self.size} elements, not one", fix="use .numpy() or .tolist()"
            )
        return self.backend.to_numpy(self._value("a Python number")).item()  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def _value(self, wanted_by: str) -> Array:
        if self.data is None:
            error = TracingError(
                f"{wanted_by} needs the value of {self.label}, and while tracing only its shape "
                f"{self.spec!r} is known",
                fix="use graphdiff.where for a choice by value; pass what decides the shape of the graph "
                "as a plain Python argument",
            )
            error.locate(source=source.describe(source.caller()))
            raise error
        return self.data

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"the truth of {self.label} with {self.size} elements is ambiguous",
                fix="reduce it first, or use graphdiff.where",
            )
        return bool(self._value("bool()"))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.is_floating:
            raise DTypeError(f"{self.label} is {self.dtype}, not an integer", fix="use int(...) first")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy:
            return np.array(self.numpy(), dtype=dtype)
        return np.asarray(self.numpy(), dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from graphdiff.interop.numpy import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from graphdiff.interop.numpy import call_function

        return call_function(func, args, kwargs)

    def __dlpack__(self, **options: Any) -> Any:
        from graphdiff.interop.dlpack import export

        return export(self, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        data = self._value("DLPack")
        return (np.asarray(data) if isinstance(data, np.generic) else data).__dlpack_device__()

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        if self.data is None:
            return f"Tensor({self.spec!r}{name}, traced)"
        text = np.array2string(
            np.asarray(self.backend.to_numpy(self.data)), separator=", ", prefix="Tensor(", threshold=200
        )
        shape = f", shape={self.shape}" if self.size > 200 or not self.size else ""
        return f"Tensor({text}{shape}, {self.dtype}{name})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Values travel, history does not: a graph that was pickled could never be the same object again.
        return rebuilt, (np.asarray(self.numpy()), str(self.dtype), self.role, self.recorded, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        rebuild, args = self.__reduce__()
        return rebuild(*args)  # type: ignore[no-any-return]

    # Gradients

    def backward(self, upstream: Any = None, *, wrt: Sequence[Tensor] | None = None) -> Backward:
        """Differentiate this tensor and set ``grad`` on the leaves it was computed from.

        Args:
            upstream: the cotangent of this tensor, of its shape; 1 for a scalar.
            wrt: the tensors whose gradients are wanted; all variables and parameters by default.

        Returns:
            A record of the backward pass: ``record[x]`` is the gradient of ``x``, and the record's graph
            can be drawn and differentiated again.

        Raises:
            GradientError: not a scalar and no ``upstream``; not recorded; or only operations without a
                derivative lead to what is wanted.
            DTypeError: an integer or boolean tensor.
        """
        from graphdiff.autodiff.numbers import differentiate

        record = differentiate(self, upstream, wrt=wrt)
        for leaf in record.wanted:
            # A copy of its own: contributions may share memory, and users clip gradients in place.
            found = record.value(leaf)
            leaf.grad = None if found is None else leaf.backend.asarray(found, leaf.dtype, copy=True)
        return record

    # Methods that are operations

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.sum(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.mean(self, axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.prod(self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.max(self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.min(self, axis, keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        return ops.var(self, axis, ddof, keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        return ops.std(self, axis, ddof, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return ops.argmax(self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return ops.argmin(self, axis, keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        return ops.cumsum(self, axis)

    def reshape(self, *shape: Any) -> Tensor:
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def flatten(self) -> Tensor:
        return ops.reshape(self, -1)

    def transpose(self, *axes: Any) -> Tensor:
        return ops.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def squeeze(self, axis: Any = None) -> Tensor:
        return ops.squeeze(self, axis)

    def astype(self, dtype: Any) -> Tensor:
        return ops.cast(self, dtype)

    @property
    def T(self) -> Tensor:
        """The axes reversed."""
        return ops.transpose(self)

    # Python's operators

    def __add__(self, other: Any) -> Tensor:
        return binary(ops.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return binary(ops.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return binary(ops.subtract, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return binary(ops.subtract, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return binary(ops.multiply, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return binary(ops.multiply, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return binary(ops.divide, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return binary(ops.divide, other, self)

    def __pow__(self, other: Any) -> Tensor:
        return binary(ops.power, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return binary(ops.power, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    def __neg__(self) -> Tensor:
        return unary(ops.negative, self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return ops.abs(self)

    def __eq__(self, other: object) -> Any:
        return ops.equal(self, other) if _is_operand(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return ops.not_equal(self, other) if _is_operand(other) else NotImplemented

    def __lt__(self, other: Any) -> Tensor:
        return ops.less(self, other)

    def __le__(self, other: Any) -> Tensor:
        return ops.less_equal(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return ops.greater(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return ops.greater_equal(self, other)

    def __invert__(self) -> Tensor:
        return ops.logical_not(self)

    def __and__(self, other: Any) -> Tensor:
        return ops.logical_and(self, other)

    def __or__(self, other: Any) -> Tensor:
        return ops.logical_or(self, other)

    __rand__, __ror__ = __and__, __or__
    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Tensor:
        return ops.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        error = MutationError(
            f"tensor {self.label} cannot be changed in place: its graph would no longer be true",
            fix="x = graphdiff.index_update(x, key, value)",
        )
        error.locate("x[key] = value", source=source.describe(source.caller()))
        raise error

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError(f"{self.label} has no axes, so it has no len()", fix="use .size")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))


def _is_operand(value: object) -> bool:
    return isinstance(value, (Tensor, np.ndarray, np.generic, *Scalar, list, tuple))


def present(t: Tensor) -> Tensor:
    """The tensor itself, or what stands for a cell in the trace under way."""
    trace = context.current().trace
    return trace.read(t) if trace is not None and t.is_cell else t


def describe(inputs: Sequence[Tensor]) -> str:
    """Names and specs, for errors."""
    return ", ".join(f"{t.label}: {t.spec!r}" for t in inputs)


# Operators call the operations, which are written with tensors; importing `recording` puts the engine in
# place. The one knot among the rooms.
from graphdiff import ops  # noqa: E402
from graphdiff.leaf import rebuilt  # noqa: E402
from graphdiff.recording import binary, unary  # noqa: E402
