"""tinygrad: the whole step in one TinyJit, on its CPU device, which compiles with clang."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from tinygrad import Context, Tensor, TinyJit, nn

from graphdiff.bench.peers.networks import Array, Layers, is_trained, network
from graphdiff.bench.workloads import LR, MOMENTUM, Step, Training, UnavailableError


class TinyLayers(Layers):
    def linear(self, name: str, x: Array) -> Array:
        return x.linear(self.weights[f"{name}.weight"].T, self.weights[f"{name}.bias"])

    def relu(self, x: Array) -> Array:
        return x.relu()

    def conv(self, name: str, x: Array, stride: int = 1, padding: int = 0) -> Array:
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        return x.conv2d(weight, bias, stride=stride, padding=padding)

    def max_pool(self, x: Array, window: int, stride: int, padding: int = 0) -> Array:
        return x.max_pool2d(window, stride, padding=padding)


def training_step(workload: Training, state: Mapping[str, Any], inputs: Any, labels: Any) -> Step:
    if shutil.which(os.environ.get("CC", "clang")) is None:
        raise UnavailableError("tinygrad compiles with clang, and there is none on the PATH")
    model = network(workload.network, "resnet18", "resnet20", "resnet50", "resnet152")
    params = {name: Tensor(value).realize() for name, value in state.items() if is_trained(name)}
    optimizer = nn.optim.SGD(list(params.values()), LR, MOMENTUM)
    x, y = Tensor(inputs).realize(), Tensor(labels).realize()

    @TinyJit
    def update(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = model(TinyLayers(params), x).sparse_categorical_crossentropy(y).backward()
        return loss.realize(*optimizer.schedule_step())

    def step() -> Any:
        with Context(TRAINING=1):
            return update(x, y)

    return step
