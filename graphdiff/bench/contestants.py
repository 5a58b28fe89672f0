"""Who is measured: a name, the file that takes its steps, and what must be installed for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module, util
from typing import Any

from graphdiff.bench.workloads import Data, Step, UnavailableError, Workload

# What torch loads late, at the first optimizer or compilation, is code and not a step's memory.
_TORCH = ("torch", "torch._inductor.compile_fx")


@dataclass(frozen=True)
class Contestant:
    """One way to take a workload's steps.

    Attributes:
        peer: the module in ``graphdiff.bench.peers`` that makes the steps.
        imports: what is loaded before memory is counted; the first is what must be installed.
        options: for the makers in the peer's module.
        devices: where it runs.
    """

    peer: str
    imports: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    devices: tuple[str, ...] = ("cpu",)

    def load(self) -> None:
        """Import everything.

        Raises:
            UnavailableError: not installed.
        """
        missing = self.imports[0]
        if util.find_spec(missing) is None:
            raise UnavailableError(f"{missing} is not installed", fix="pip install 'graphdiff[bench]'")
        for module in self.imports:
            import_module(module)

    def start(self, workload: Workload, data: Data) -> Step:
        """The contestant's step on a workload."""
        peer = import_module(f"graphdiff.bench.peers.{self.peer}")
        return workload.start(peer, data, self.options)


def _graphdiff(backend: str, imports: tuple[str, ...], compiled: bool, **options: Any) -> Contestant:
    devices = ("cpu", "cuda") if backend == "torch" else ("cpu",)
    return Contestant("own", imports, {"backend": backend, "compiled": compiled, **options}, devices)


def _torch(mode: str | None, *devices: str) -> Contestant:
    return Contestant("pytorch", _TORCH, {"mode": mode}, devices)


CONTESTANTS = {
    "graphdiff numpy compiled": _graphdiff("numpy", ("graphdiff_numpy",), True),
    "graphdiff numpy eager": _graphdiff("numpy", ("graphdiff_numpy",), False),
    "graphdiff torch compiled": _graphdiff("torch", _TORCH, True),
    "graphdiff torch aten": _graphdiff("torch", _TORCH, True, mode="aten"),
    "graphdiff torch inductor": _graphdiff("torch", _TORCH, True, mode="inductor"),
    "graphdiff torch eager": _graphdiff("torch", _TORCH, False),
    "torch eager": _torch(None, "cpu", "cuda"),
    "torch.compile": _torch("default", "cpu", "cuda"),
    "torch.compile max-autotune": _torch("max-autotune", "cuda"),
    "jax": Contestant("jax", ("jax",), devices=("cpu", "cuda")),
    "autograd": Contestant("autograd", ("autograd",)),
    "mygrad": Contestant("mygrad", ("mygrad",)),
    "tinygrad": Contestant("tinygrad", ("tinygrad",)),
    "micrograd": Contestant("micrograd", ("micrograd",)),
}
REFERENCE = "torch eager"
