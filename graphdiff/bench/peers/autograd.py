"""HIPS autograd: NumPy with derivatives, no compiler.

Its own ``autograd.scipy.signal.convolve`` sums over windows with einsum and takes several times as long as
this: columns gathered from shifted slices, and one matrix product, all differentiated by autograd.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from itertools import product
from typing import Any

import autograd.numpy as np
from autograd import value_and_grad

from graphdiff.bench.peers.networks import Array, Layers, is_trained, network
from graphdiff.bench.workloads import LR, MOMENTUM, Scalars, Step, Training


class AutogradLayers(Layers):
    """Convolutions of stride 1, pooling without padding or overlap."""

    def linear(self, name: str, x: Array) -> Array:
        return np.dot(x, self.weights[f"{name}.weight"].T) + self.weights[f"{name}.bias"]

    def relu(self, x: Array) -> Array:
        return np.maximum(x, np.float32(0))

    def conv(self, name: str, x: Array, stride: int = 1, padding: int = 0) -> Array:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        filters, channels, side, _ = weight.shape
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
        height, width = x.shape[2] - side + 1, x.shape[3] - side + 1
        shifts = product(range(side), repeat=2)
        columns = np.stack([x[:, :, i : i + height, j : j + width] for i, j in shifts], axis=2)
        columns = columns.reshape(x.shape[0], channels * side * side, height * width)
        y = np.matmul(weight.reshape(filters, -1), columns) + bias[:, None]
        return y.reshape(x.shape[0], filters, height, width)

    def max_pool(self, x: Array, window: int, stride: int, padding: int = 0) -> Array:
        views = [x[:, :, i::stride, j::stride] for i, j in product(range(window), repeat=2)]
        return reduce(np.maximum, views)

    def mean(self, x: Array) -> Array:
        return np.mean(x, axis=(2, 3))


def training_step(workload: Training, state: Mapping[str, Any], inputs: Any, labels: Any) -> Step:
    model = network(workload.network, "resnet18", "resnet20", "resnet50", "resnet152")
    rows = np.arange(len(labels))

    def objective(params: Mapping[str, Array]) -> Array:
        scores = model(AutogradLayers(params), inputs)
        scores = scores - np.max(scores, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(scores), axis=1)) - scores[rows, labels])

    params = {name: value.copy() for name, value in state.items() if is_trained(name)}
    velocity = {name: np.zeros_like(value) for name, value in params.items()}

    def step() -> Any:
        loss, grads = value_and_grad(objective)(params)
        for name, grad in grads.items():
            velocity[name] = MOMENTUM * velocity[name] + grad
            params[name] = params[name] - LR * velocity[name]
        return loss

    return step


def scalar_step(workload: Scalars, leaves: list[float]) -> Step:
    gradient = value_and_grad(lambda values: workload.loss(values, lambda v: np.maximum(v, 0.0)))

    def step() -> Any:
        loss, grads = gradient(leaves)
        return sum(grads, loss)

    return step
