"""Repeating a backward pass over arrays as a recorded sweep: in the context, and with the cells, of then."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context
from typing import TYPE_CHECKING

from graphdiff import context
from graphdiff.autodiff.record import Swept
from graphdiff.autodiff.reverse import Request, swept_again
from graphdiff.backend import Array
from graphdiff.errors import GradientError
from graphdiff.leaf import filled
from graphdiff.tensor import Tensor

if TYPE_CHECKING:
    from graphdiff.cell import Cell
    from graphdiff.module import Module


class _AsItWas:
    """Shows cells that were given new values since a pass with the values of then."""

    def __init__(self, cells: Mapping[int, tuple[Tensor, Array]], passed: int) -> None:
        changed = {i: (cell, data) for i, (cell, data) in cells.items() if cell.changed_at > passed}
        self.stand_ins: dict[int, Tensor] = {}
        for i, (cell, data) in changed.items():
            if cell.data is data:
                raise GradientError(
                    f"the value that {cell.label} had at the backward pass was overwritten in place",
                    fix="ask the record for its graph before a compiled function changes the cell",
                )
            old = filled(Tensor(), data, cell.spec, cell.backend, cell.context, cell.recorded, cell.name)
            old.id = i
            self.stand_ins[i] = old

    def read(self, cell: Tensor) -> Tensor:
        return self.stand_ins.get(cell.id, cell)

    def write(self, cell: Cell, value: Tensor) -> None:
        raise GradientError(f"a derivative assigns to {cell.label}")

    def notice(self, module: Module, training: bool) -> None:
        """Modes are as they are."""


def repeated(
    surroundings: Context, request: Request, cells: Mapping[int, tuple[Tensor, Array]], passed: int
) -> Swept:
    """The recorded sweep, as it would have run at the time of the pass."""
    view = _AsItWas(cells, passed)

    def repeat() -> Swept:
        if not view.stand_ins:
            return swept_again(request)
        with context.observed(view):
            return swept_again(request)

    return surroundings.run(repeat)
