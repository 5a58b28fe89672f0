"""A program recorded once as a CUDA graph and replayed: one launch for all its kernels.

The graph reads and writes fixed memory. Every call copies its arguments in and its results out, so that
what was handed out before stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from graphdiff.compile.executable import Run
from graphdiff.compile.program import Program
from graphdiff.errors import BackendError
from graphdiff_torch.lowering.aten import Aten
from graphdiff_torch.lowering.layout import Layout

if TYPE_CHECKING:
    from graphdiff_torch.backend import TorchBackend

Array = Any
_WARM_UPS = 2  # libraries choose kernels and make workspaces, which cannot be recorded


class CudaGraphs:
    """The executable; the first call warms up and records.

    One program has one set of shapes, so a compiled function keeps one graph for each.

    Raises:
        BackendError: not on CUDA, or on recording a program that must wait for the device.
    """

    def __init__(self, program: Program, backend: TorchBackend, layout: Layout) -> None:
        if not backend.device.startswith("cuda"):
            raise BackendError(
                f"mode 'cudagraphs' needs a GPU, this backend is on {backend.device}",
                fix='use gd.backend("torch", device="cuda"), or mode="aten"',
            )
        self._aten = Aten(program, backend, layout)
        self._backend = backend
        self._graph: Any = None
        self._inputs: list[Array] = []
        self._outputs: Sequence[Array] = ()

    @property
    def source(self) -> str:
        return self._aten.source

    @property
    def run(self) -> Run:
        return self._call

    def _call(self, arguments: Sequence[Array]) -> Sequence[Array]:
        if self._graph is None:
            self._record(arguments)
        torch._foreach_copy_(self._inputs, list(arguments), non_blocking=True)
        self._graph.replay()
        return [value.clone() for value in self._outputs]

    def _record(self, arguments: Sequence[Array]) -> None:
        self._inputs = [value.clone() for value in arguments]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                self._aten.run(self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._outputs = self._aten.run(self._inputs)
        except RuntimeError as problem:
            raise BackendError(
                f"the program cannot be recorded as a CUDA graph: {problem}", fix='use mode="aten"'
            ) from problem
        self._graph = graph
