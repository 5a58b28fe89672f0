"""graphdiff's own steps: eager or compiled, on either backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import graphdiff as gd
from graphdiff.bench.workloads import LR, MOMENTUM, Scalars, Step, Training, UnavailableError


def _compiled(fn: Callable[..., Any], backend: gd.Backend, mode: str) -> Callable[..., Any]:
    if mode not in backend.modes:
        raise UnavailableError(f"backend {backend.name!r} has no mode {mode!r}")
    return gd.compile(fn, mode=mode)


def training_step(
    workload: Training,
    state: Mapping[str, Any],
    inputs: Any,
    labels: Any,
    backend: str,
    compiled: bool,
    mode: str = "auto",
) -> Step:
    mixed = workload.dtype != "float32"
    device = {} if backend == "numpy" else {"device": workload.device}
    with gd.backend(backend, **device) as home:
        model = workload.model()
        model.load_state_dict(state)
        optimizer = gd.optimizers.SGD(LR, MOMENTUM)
        x, y = gd.tensor(inputs), gd.tensor(labels)

    def update(x: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        with gd.autocast(workload.dtype) if mixed else nullcontext():
            loss: gd.Tensor = gd.losses.softmax_cross_entropy(model(x), y)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    run = _compiled(update, home, mode) if compiled else update

    def step() -> gd.Tensor:
        with gd.backend(backend, **device):
            loss: gd.Tensor = run(x, y)
        return loss

    return step


def scalar_step(
    workload: Scalars, leaves: list[float], backend: str, compiled: bool, mode: str = "auto"
) -> Step:
    if backend != "numpy":
        raise UnavailableError("single numbers are NumPy's backend's")

    def loss(leaves: list[gd.Tensor]) -> gd.Tensor:
        found: gd.Tensor = workload.loss(leaves, gd.relu)
        return found

    def both(leaves: list[gd.Tensor]) -> gd.Tensor:
        value, gradients = gd.value_and_grad(loss)(leaves)
        total: gd.Tensor = sum(gradients, value)
        return total

    run = _compiled(both, gd.get_backend(backend), mode) if compiled else both
    values = [gd.tensor(v) for v in leaves]
    return lambda: run(values)
