"""PyTorch's steps: eager, and its model through torch.compile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from graphdiff.bench.peers.torch_models import MODELS
from graphdiff.bench.workloads import LR, MOMENTUM, Scalars, Step, Training, UnavailableError


def training_step(
    workload: Training, state: Mapping[str, Any], inputs: Any, labels: Any, mode: str | None = None
) -> Step:
    if workload.network not in MODELS:
        raise UnavailableError(f"no {workload.network} in torch here")
    mixed = workload.dtype == "bfloat16"
    layout = torch.channels_last if mixed else torch.contiguous_format
    model = MODELS[workload.network]()
    model.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    model.to(workload.device, memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM)
    x = torch.tensor(inputs, device=workload.device)
    x = x.contiguous(memory_format=layout) if x.ndim == 4 else x
    y = torch.tensor(labels, device=workload.device)
    run: Any = model if mode is None else torch.compile(model, mode=mode)

    def step() -> Any:
        optimizer.zero_grad()
        with torch.autocast(workload.device, torch.bfloat16, enabled=mixed):
            loss = torch.nn.functional.cross_entropy(run(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def scalar_step(workload: Scalars, leaves: list[float], mode: str | None = None) -> Step:
    if mode is not None:
        raise UnavailableError("torch.compile is not made for thousands of single numbers")
    values = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in leaves]

    def step() -> Any:
        for value in values:
            value.grad = None
        loss = workload.loss(values, torch.relu)
        loss.backward()
        return sum((value.grad for value in values), loss.detach())

    return step
