"""Leaves: tensors that no operation made, from values, for any value of a spec, or of an array at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from graphdiff import context, source
from graphdiff.arguments import shown
from graphdiff.backend import Array, Backend, current_backend
from graphdiff.dtypes import as_dtype
from graphdiff.errors import ArgumentError, DTypeError, GraphdiffError
from graphdiff.graph import MOST_AXES, ROLES, Role, TensorSpec

LEAF: dict[Role, context.Context] = {role: context.Context(role=role) for role in ROLES}
_CONSTANT = LEAF["constant"]
T = TypeVar("T", bound="Tensor")


def leaf(
    value: Any,
    dtype: Any = None,
    *,
    role: Role = "constant",
    recorded: bool = False,
    name: str = "",
    copy: bool = False,
    backend: Backend | None = None,
) -> Tensor:
    """A tensor that no operation made, on the current backend unless one is given.

    Raises:
        DTypeError: values that are no numbers.
    """
    backend = backend or current_backend()
    if isinstance(value, Tensor):
        value = present(value)
        if value.data is None:
            return ops.stop_gradient(value if dtype is None else ops.cast(value, dtype))
        value = value.data if value.backend is backend else value.numpy()
    elif isinstance(value, (list, tuple)) and _holds_recorded(value):
        error: GraphdiffError = ArgumentError(
            "a list of recorded tensors would lose their history", fix="graphdiff.stack([...])"
        )
        error.locate("tensor", source=source.describe(source.caller()))
        raise error
    elif isinstance(value, np.ndarray) and hasattr(value, "mask"):
        raise _no_tensor(value, dtype, TypeError("it would lose its mask: give x.filled(0), for one"))
    try:
        data = backend.asarray(value, None if dtype is None else as_dtype(dtype), copy=copy)
    except (ValueError, TypeError, OverflowError, RuntimeError) as problem:
        raise _no_tensor(value, dtype, problem) from None
    t = filled(Tensor(), data, backend.spec(data), backend, LEAF[role], recorded, name)
    t.source = source.caller()
    return t


def _no_tensor(value: Any, dtype: Any, problem: Exception) -> GraphdiffError:
    if isinstance(problem, GraphdiffError) and (dtype is not None or not isinstance(problem, DTypeError)):
        error = problem
    else:
        kind = DTypeError if isinstance(problem, DTypeError) else ArgumentError
        error = kind(
            f"{shown(value)} is no tensor: {_reason(value, problem)}",
            fix="give numbers in nested lists of equal lengths, or an array",
        )
    called = source.called()
    error.locate(called if called in ops.__all__ else "tensor", source=source.describe(source.caller()))
    return error


def _reason(value: Any, problem: Exception) -> str:
    if isinstance(problem, DTypeError):
        return f"its dtype is {getattr(value, 'dtype', None) or np.asarray(value).dtype}"
    return "its lists have unequal lengths" if "inhomogeneous" in str(problem) else str(problem)


def filled(
    t: T,
    data: Array,
    spec: TensorSpec,
    backend: Backend,
    surroundings: context.Context,
    recorded: bool = False,
    name: str = "",
) -> T:
    """A new tensor made a leaf."""
    t.id = next_id()
    t.data = data
    t.spec = spec
    t.backend = backend
    t.primitive = None
    t.application = None
    t.inputs = ()
    t.context = surroundings
    t.user_code = None
    t.user_offset = 0
    t.recorded = recorded
    t.name = name
    t.grad = None
    return t


def constant(data: Array, spec: TensorSpec, backend: Backend) -> Tensor:
    """A tensor without history, of an array at hand."""
    return filled(Tensor(), data, spec, backend, _CONSTANT)


def _holds_recorded(values: Sequence[Any], depth: int = 0) -> bool:
    return depth <= MOST_AXES and any(
        _holds_recorded(v, depth + 1)
        if isinstance(v, (list, tuple))
        else isinstance(v, Tensor) and v.recorded
        for v in values
    )


def tensor(value: Any, dtype: Any = None, *, name: str = "") -> Tensor:
    """A constant: values that are not differentiated and whose operations are not recorded.

    The values are copied. Python floats become float64, as in NumPy.
    """
    return leaf(value, dtype, name=name, copy=True)


def variable(value: Any, dtype: Any = None, *, name: str = "") -> Tensor:
    """An input of a graph: operations on it are recorded, and it can be differentiated with respect to."""
    return leaf(value, dtype, role="input", recorded=True, name=name, copy=True)


def variables(**values: Any) -> tuple[Tensor, ...]:
    """Several named variables at once: ``x, y, z = variables(x=-2.0, y=5.0, z=-4.0)``."""
    return tuple(variable(value, name=name) for name, value in values.items())


def abstract(spec: TensorSpec, name: str = "") -> Tensor:
    """A tensor that stands for any value of a spec; operations on it are recorded, not computed."""
    return filled(Tensor(), None, spec, current_backend(), LEAF["input"], True, name)


def as_tensor(value: Any) -> Tensor:
    """The tensor itself, or a constant with a copy of the values, which cannot change behind the graph."""
    return value if isinstance(value, Tensor) else leaf(value, copy=True)


def rebuilt(data: Any, dtype: str, role: Role, recorded: bool, name: str) -> Tensor:
    return leaf(data, dtype, role=role, recorded=recorded, name=name, copy=True)


# Whoever needs leaves may come here before there are tensors: these then import the operations, which need
# leaves.
from graphdiff import ops  # noqa: E402
from graphdiff.tensor import Tensor, next_id, present  # noqa: E402
