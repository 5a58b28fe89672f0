"""graphdiff's own steps: eager or compiled, on either backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import graphdiff as gd
from graphdiff.bench.workloads import LR, MOMENTUM, Scalars, Step, Training, UnavailableError


def _compiled(fn: Callable[..., Any], mode: str | None) -> Callable[..., Any]:
    return gd.compile(fn) if mode is None else gd.compile(fn, mode=mode)  # type: ignore[call-arg]


def training_step(
    workload: Training,
    state: Mapping[str, Any],
    inputs: Any,
    labels: Any,
    backend: str,
    compiled: bool,
    mode: str | None = None,
) -> Step:
    if workload.dtype != "float32":
        raise UnavailableError(f"graphdiff does not train in {workload.dtype} yet")
    device = {} if backend == "numpy" else {"device": workload.device}
    with gd.backend(backend, **device):
        model = workload.model()
        model.load_state_dict(state)
        optimizer = gd.optimizers.SGD(LR, MOMENTUM)
        x, y = gd.tensor(inputs), gd.tensor(labels)

    def update(x: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        loss: gd.Tensor = gd.losses.softmax_cross_entropy(model(x), y)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    run = _compiled(update, mode) if compiled else update

    def step() -> gd.Tensor:
        with gd.backend(backend, **device):
            loss: gd.Tensor = run(x, y)
        return loss

    return step


def scalar_step(
    workload: Scalars, leaves: list[float], backend: str, compiled: bool, mode: str | None = None
) -> Step:
    if backend != "numpy":
        raise UnavailableError("single numbers are NumPy's backend's")

    def loss(leaves: list[gd.Tensor]) -> gd.Tensor:
        found: gd.Tensor = workload.loss(leaves, gd.relu)
        return found

    def update(leaves: list[Any]) -> tuple[gd.Tensor, list[gd.Tensor]]:
        value, gradients = gd.value_and_grad(loss)(leaves)
        return value, [v - LR * g for v, g in zip(leaves, gradients, strict=True)]

    run = _compiled(update, mode) if compiled else update
    values: list[Any] = [gd.tensor(v) for v in leaves]

    def step() -> gd.Tensor:
        nonlocal values
        value, values = run(values)
        return value

    return step
