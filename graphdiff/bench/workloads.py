"""What is measured: a model, a batch, and how many steps make a turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphdiff as gd

LR, MOMENTUM = 0.01, 0.9


@dataclass(frozen=True)
class Workload:
    """One training step: forward, softmax cross-entropy, backward, SGD with momentum, in float32.

    Attributes:
        model: makes graphdiff's model; its state dict is what every contestant starts from.
        shape: of the batch of inputs.
        steps: in one turn.
    """

    name: str
    model: Callable[[], gd.Module]
    shape: tuple[int, ...]
    steps: int
    classes: int = 10

    def initial_state(self) -> dict[str, Any]:
        gd.seed(0)
        return self.model().state_dict()

    def batch(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        return rng.normal(size=self.shape).astype(np.float32), rng.integers(0, self.classes, self.shape[0])


def _mlp() -> gd.Module:
    layers = gd.layers
    model: gd.Module = layers.Sequential(
        layers.Linear(784, 256), layers.ReLU(), layers.Linear(256, 128), layers.ReLU(), layers.Linear(128, 10)
    )
    return model


def _resnet18() -> gd.Module:
    model: gd.Module = gd.models.resnet18(num_classes=10, stem="cifar")
    return model


WORKLOADS = {
    w.name: w
    for w in (
        Workload("mlp-64", _mlp, (64, 784), 100),
        Workload("mlp-1024", _mlp, (1024, 784), 20),
        Workload("lenet5-64", lambda: gd.models.lenet5(), (64, 1, 28, 28), 20),
        Workload("vgg-64", lambda: gd.models.small_vgg(), (64, 3, 32, 32), 2),
        Workload("resnet18-16", _resnet18, (16, 3, 32, 32), 1),
    )
}
