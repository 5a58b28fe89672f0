"""Programs to executables of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphdiff.compile.executable import Executable
from graphdiff.compile.program import Program
from graphdiff_torch.lowering.aten import Aten
from graphdiff_torch.lowering.choice import Choice
from graphdiff_torch.lowering.layout import layouts

if TYPE_CHECKING:
    from graphdiff_torch.backend import TorchBackend

MODES = ("auto", "aten")


def lower(program: Program, backend: TorchBackend, mode: str) -> Executable:
    """The executable of a program in one of the modes."""
    return Choice({str(layout): Aten(program, backend, layout) for layout in layouts(program)})
