"""The same computation run in other ways: compiled, and on another backend."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from graphdiff.autodiff import Backward
from graphdiff.backend import backend, current_backend
from graphdiff.compile import compile
from graphdiff.tensor import Tensor
from graphdiff.testing.comparing import equal, identical
from graphdiff.testing.kit import NotRunError
from graphdiff.testing.module import Array, ModuleCase, recorded

# Sums in another order, in the precision that took part.
_ROUNDING = {"float32": 2e-4, "float64": 1e-9}
_CALLS = 2  # the second call of a compiled function runs in buffers


def check_compiled(case: ModuleCase) -> None:
    """Values, gradients and state of compiled calls equal those of eager ones: to the last bit on NumPy,
    within rounding elsewhere."""
    for training, dtype in case.ways:
        eager, compiled = (called(case, dtype, training, run) for run in (False, True))
        for (name, one), (_, other) in zip(eager, compiled, strict=True):
            what = f"{name} of a compiled call in {dtype}"
            if current_backend().name == "numpy":
                identical(what, other, one)
            else:
                near(what, other, one)


def check_backends(case: ModuleCase) -> None:
    """torch gives what NumPy gives, eager and compiled."""
    if find_spec("torch") is None:
        raise NotRunError("torch is not installed: pip install graphdiff[torch]")
    with backend("numpy"):
        expected = called(case, "float64", True, False)
    with backend("torch"):
        for compiled in (False, True):
            found = called(case, "float64", True, compiled)
            for (name, one), (_, other) in zip(expected, found, strict=True):
                near(f"{name} on torch{', compiled' if compiled else ''}", other, one)


def near(what: str, found: Array, expected: Array) -> None:
    """Equal but for rounding in the values' own precision."""
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    equal(what, found, expected, _ROUNDING.get(str(expected.dtype), 0.0) * scale)


def called(case: ModuleCase, dtype: str, training: bool, compiled: bool) -> list[tuple[str, Array]]:
    """By name: outputs and gradients of two calls with different inputs, and the state they leave."""
    module, found = case.fresh(dtype, training), []

    def step(*xs: Any) -> Sequence[Tensor]:
        run = case.run(module, xs)
        back: Backward | None = run.backward()
        gradients = [] if back is None else [back[t] for t in run.leaves.values()]
        return [*run.outputs, *gradients]

    run = compile(step) if compiled else step
    for k in range(_CALLS):
        inputs = [x + k / 8 if x.dtype.kind == "f" else x for x in case.inputs_in(dtype)]
        results = run(*(x if compiled else recorded(x) for x in inputs))
        found += [(f"result {i} of call {k}", np.array(t)) for i, t in enumerate(results)]
    return [*found, *((name, np.array(cell.numpy())) for name, cell in module.named_cells())]
