"""A program through torch's compiler: as a graph of aten calls, without autograd, for Inductor to fuse.

Labels are not looked at, as on CUDA: what comes of those out of range is NaN.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from graphdiff.compile.executable import Run, assemble, body, call, joint_statement
from graphdiff.compile.joint import joined
from graphdiff.compile.program import Program
from graphdiff.errors import BackendError
from graphdiff.graph import Node
from graphdiff_torch.kernels.labels import UNSEEN
from graphdiff_torch.lowering.aten import fused
from graphdiff_torch.lowering.batch_norm import STATISTICS
from graphdiff_torch.lowering.fused import FUSED
from graphdiff_torch.lowering.layout import Layout
from graphdiff_torch.lowering.patterns import JOINTS

if TYPE_CHECKING:
    from graphdiff_torch.backend import TorchBackend

Array = Any


class Inductor:
    """The executable; torch compiles it at the first call, which takes seconds to minutes.

    Raises:
        BackendError: there is no C++ compiler for the CPU, or torch cannot compile the program.
    """

    def __init__(self, program: Program, backend: TorchBackend, layout: Layout) -> None:
        if backend.device == "cpu":
            _need_compiler()
        self._backend = backend
        self._table = {**backend.untouched, **FUSED, **STATISTICS, **UNSEEN}
        self._program = fused(program, self._table)
        place = {i: k for k, i in enumerate(program.inputs)}
        self._converted = [place[i] for i in layout.converted]
        self._compiled: Run | None = None
        self.source = self._functional().source

    @property
    def run(self) -> Run:
        return self._call

    def _call(self, arguments: Sequence[Array]) -> Sequence[Array]:
        given = list(arguments)
        for k in self._converted:
            given[k] = given[k].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            if self._compiled is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of what torch's compiler does inside
                    self._compiled = self._backend.settings.around(self._compile(given))
            return self._compiled(given)

    def _functional(self) -> Any:
        """The program without anything in place."""
        joints = [joint for joint in JOINTS if joint.members.keys() <= self._table.keys()]
        program, calls = joined(self._program, joints)
        names: dict[str, Any] = {}

        def statement(node: Node) -> str | None:
            assert node.primitive is not None
            if node.id in calls:
                return joint_statement(calls[node.id], names)
            kernel = self._table.get(node.primitive.name) or self._backend.kernel(node.primitive)
            if kernel is None:
                raise self._backend.missing(node.primitive)
            return f"v{node.id} = {call(node, kernel, names)}"

        return assemble(program, body(program, statement), names)

    def _compile(self, arguments: Sequence[Array]) -> Run:
        from torch._inductor.compile_fx import compile_fx
        from torch._inductor.decomposition import select_decomp_table
        from torch.fx.experimental.proxy_tensor import make_fx

        run = self._functional().run
        try:
            traced = make_fx(
                lambda *given: tuple(run(given)),
                decomposition_table=select_decomp_table(),
                tracing_mode="fake",
                _allow_non_fake_inputs=True,
            )(*arguments)
            compiled: Callable[..., Any] = compile_fx(traced, list(arguments))
        except Exception as problem:
            raise BackendError(
                f"torch could not compile the program: {problem}", fix='use compile(fn, mode="aten")'
            ) from problem
        return lambda given: compiled(*given)


def _need_compiler() -> None:
    from torch._inductor import config

    found = config.cpp.cxx
    names = found if isinstance(found, (tuple, list)) else (found,)
    if not any(name and shutil.which(name) for name in names):
        raise BackendError(
            "mode 'inductor' compiles C++ and finds no compiler",
            fix='install one (apt install g++), set the environment variable CXX to it, or use mode="aten"',
        )
