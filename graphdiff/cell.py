"""Cells: leaves whose value may be replaced. All state that outlives a computation lives in them.

Parameters, running statistics, an optimizer's velocity and its learning rate are cells. Eagerly, a cell is
a tensor with its present value. While a function is traced, reading a cell makes it an input of the graph
and assigning to it makes the new value an output, so that state is threaded through, never baked in.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff import context
from graphdiff.arguments import check_choice
from graphdiff.errors import ShapeError, TracingError
from graphdiff.graph import ROLES, Role
from graphdiff.leaf import filled, leaf
from graphdiff.tensor import Tensor, next_id, present

_GRAD = vars(Tensor)["grad"]  # the slot


class Cell(Tensor):
    """A tensor whose value may be replaced by one of the same shape.

    Args:
        value: its first value; copied.
        dtype: kept for good; the value's own by default.
        role: "parameter" if it is differentiated by, else "constant".
    """

    __slots__ = ("changed_at",)
    is_cell = True

    def __init__(self, value: Any, dtype: Any = None, *, name: str = "", role: Role = "constant") -> None:
        check_choice("role", role, ROLES)
        made = leaf(value, dtype, role=role, copy=True)
        recorded = role == "parameter"
        filled(self, made.data, made.spec, made.backend, made.context, recorded, name)
        self.changed_at = 0

    def assign(self, value: Any) -> None:
        """Give it a new value of the same shape, in its own dtype.

        A graph that was computed from the old value refuses to run backward from then on.

        Raises:
            ShapeError: another shape.
        """
        new = present(value) if isinstance(value, Tensor) else leaf(value, backend=self.backend, copy=True)
        if new.shape != self.shape:
            raise ShapeError(
                f"{self.role} {self.label} is {self.spec!r}, the new value has shape {new.shape}",
                fix="assign a value of the same shape",
            )
        if new.dtype is not self.dtype:
            new = new.astype(self.dtype)
        trace = context.current().trace
        if trace is not None:
            trace.write(self, new)
        else:
            self.data = new.data if new.backend is self.backend else leaf(new, backend=self.backend).data
            self.changed_at = next_id()

    @property
    def grad(self) -> Any:
        """After ``backward()``, the gradient as a plain array.

        Raises:
            TracingError: in a compiled function, where gradients are read from the record.
        """
        if context.current().trace is not None:
            raise TracingError(
                f"{self.label}.grad is not known while tracing", fix="use backward()[parameter]"
            )
        return _GRAD.__get__(self)

    @grad.setter
    def grad(self, value: Any) -> None:
        _GRAD.__set__(self, value)

    def _value(self, wanted_by: str) -> Any:
        value = present(self)
        return super()._value(wanted_by) if value is self else value._value(wanted_by)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (
            type(self),
            np.asarray(self.numpy()),
            str(self.dtype),
            self.name,
            self.role,
            self.recorded,
        )


def _rebuild(kind: type[Cell], value: Any, dtype: str, name: str, role: Role, recorded: bool) -> Cell:
    cell = kind.__new__(kind)
    Cell.__init__(cell, value, dtype, name=name, role=role)
    cell.recorded = recorded
    return cell
