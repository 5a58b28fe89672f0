"""MyGrad: tensors over NumPy, no compiler; its memory guard is off, as its manual advises for speed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from graphdiff.bench.peers.networks import Array, Layers, is_trained, network
from graphdiff.bench.workloads import LR, MOMENTUM, Scalars, Step, Training

mg.turn_memory_guarding_off()


class MyGradLayers(Layers):
    """Pooling without padding."""

    def linear(self, name: str, x: Array) -> Array:
        return mg.matmul(x, self.weights[f"{name}.weight"].T) + self.weights[f"{name}.bias"]

    def relu(self, x: Array) -> Array:
        return relu(x)

    def conv(self, name: str, x: Array, stride: int = 1, padding: int = 0) -> Array:
        y = conv_nd(x, self.weights[f"{name}.weight"], stride=stride, padding=padding)
        return y + self.weights[f"{name}.bias"].reshape(1, -1, 1, 1)

    def max_pool(self, x: Array, window: int, stride: int, padding: int = 0) -> Array:
        return max_pool(x, (window, window), stride)


def training_step(workload: Training, state: Mapping[str, Any], inputs: Any, labels: Any) -> Step:
    model = network(workload.network, "resnet18", "resnet20", "resnet50", "resnet152")
    params = {name: mg.tensor(value) for name, value in state.items() if is_trained(name)}
    velocity = {name: np.zeros_like(value.data) for name, value in params.items()}

    def step() -> Any:
        loss = softmax_crossentropy(model(MyGradLayers(params), mg.tensor(inputs, constant=True)), labels)
        loss.backward()
        for name, param in params.items():
            velocity[name] = MOMENTUM * velocity[name] + param.grad
            param.data -= LR * velocity[name]
        return loss

    return step


def scalar_step(workload: Scalars, leaves: list[float]) -> Step:
    values = [mg.tensor(v) for v in leaves]

    def step() -> Any:
        loss = workload.loss(values, relu)
        loss.backward()
        return sum((value.grad for value in values), loss.data)

    return step
