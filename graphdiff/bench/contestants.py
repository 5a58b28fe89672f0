"""Who is measured: each makes, for a workload, a function that takes one step and returns its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphdiff as gd
from graphdiff.bench.workloads import LR, MOMENTUM, Workload

Step = Callable[[], float]


def _graphdiff(workload: Workload, backend: str, compiled: bool) -> Step:
    state = workload.initial_state()
    inputs, labels = workload.batch()
    with gd.backend(backend):
        model = workload.model()
        model.load_state_dict(state)
        optimizer = gd.optimizers.SGD(LR, MOMENTUM)
        x, y = gd.tensor(inputs), gd.tensor(labels)

    def update(x: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        loss: gd.Tensor = gd.losses.softmax_cross_entropy(model(x), y)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    run = gd.compile(update) if compiled else update

    def step() -> float:
        with gd.backend(backend):
            return float(run(x, y).item())

    return step


def _torch(workload: Workload, compiled: bool) -> Step:
    import torch

    from graphdiff.bench.torch_models import MODELS

    model = MODELS[workload.name]()
    model.load_state_dict({k: torch.tensor(v) for k, v in workload.initial_state().items()})
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM)
    x, y = map(torch.tensor, workload.batch())
    run: Any = torch.compile(model) if compiled else model

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(run(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


CONTESTANTS: dict[str, Callable[[Workload], Step]] = {
    "graphdiff numpy compiled": lambda w: _graphdiff(w, "numpy", True),
    "graphdiff numpy eager": lambda w: _graphdiff(w, "numpy", False),
    "graphdiff torch compiled": lambda w: _graphdiff(w, "torch", True),
    "graphdiff torch eager": lambda w: _graphdiff(w, "torch", False),
    "torch eager": lambda w: _torch(w, False),
    "torch.compile": lambda w: _torch(w, True),
}
