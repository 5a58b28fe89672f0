"""Programs to executables of torch, in several modes.

``aten`` is straight-line calls, in the faster memory layout of those worth trying; ``inductor`` goes
through torch's compiler; ``cudagraphs`` records the calls once and replays them on the GPU; ``auto`` chooses
between what starts at once: aten, and on CUDA cudagraphs too. A deterministic backend measures nothing, and
so rounds alike in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphdiff.compile.executable import Executable
from graphdiff.compile.program import Program
from graphdiff.errors import BackendError
from graphdiff.ops.collective import Collective
from graphdiff_torch.lowering.aten import Aten
from graphdiff_torch.lowering.choice import Choice
from graphdiff_torch.lowering.cuda_graphs import CudaGraphs
from graphdiff_torch.lowering.inductor import Inductor
from graphdiff_torch.lowering.layout import layouts

if TYPE_CHECKING:
    from graphdiff_torch.backend import TorchBackend


def lower(program: Program, backend: TorchBackend, mode: str) -> Executable:
    """The executable of a program in one of the backend's modes.

    Raises:
        BackendError: a mode for which something is missing here.
    """
    together = any(isinstance(node.primitive, Collective) for node in program.nodes)
    if mode == "inductor" and together:
        raise BackendError("torch's compiler does not take sums over processes", fix='use mode="aten"')
    if mode == "inductor":
        return Inductor(program, backend, layouts(program, by_size=False)[-1])
    # Processes that compute together must not choose for themselves whether to record.
    tried = layouts(program, by_size=backend.device == "cpu")
    if backend.options["deterministic"]:  # what is fastest may be something else in the next run
        tried = tried[-1:]
        mode = "aten" if mode == "auto" else mode
    found: dict[str, Executable] = {}
    for layout in tried:
        if mode != "cudagraphs":
            found[f"aten, {layout}"] = Aten(program, backend, layout)
        if mode == "cudagraphs" or (mode == "auto" and backend.device.startswith("cuda") and not together):
            found[f"cudagraphs, {layout}"] = CudaGraphs(program, backend, layout)
    return Choice(found, backend.wait) if len(found) > 1 else next(iter(found.values()))
