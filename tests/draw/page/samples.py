"""Graphs to make pages of."""

from __future__ import annotations

import numpy as np

import graphdiff as gd
from graphdiff.autodiff import Backward
from graphdiff.graph import Graph


def neuron() -> Backward:
    """The lecture's sigmoid neuron."""
    w0, x0, w1, x1, w2 = gd.variables(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
    return gd.sigmoid(w0 * x0 + w1 * x1 + w2).backward()


def fan_out() -> Backward:
    x, y = gd.variables(x=3.0, y=4.0)
    return (x + x * y).backward()


def lenet() -> Backward:
    return _classified(gd.models.lenet5(), (32, 1, 28, 28))


def resnet152() -> Backward:
    return _classified(gd.models.resnet152(num_classes=10), (1, 3, 64, 64))


def _classified(model: gd.Module, shape: tuple[int, ...]) -> Backward:
    rng = np.random.default_rng(0)
    images = gd.tensor(rng.normal(size=shape).astype("float32"), name="image")
    labels = gd.tensor(rng.integers(0, 10, shape[0]))
    return gd.losses.softmax_cross_entropy(model(images), labels).backward()


def scoped(seed: int) -> Backward:
    """A random graph in nested scopes, with skips, branches and scopes that are entered twice."""
    rng = np.random.default_rng(seed)
    values = [gd.variable(rng.normal(size=(2, 3)), name=f"x{k}") for k in range(int(rng.integers(1, 4)))]
    for _ in range(int(rng.integers(3, 40))):
        depth = int(rng.integers(0, 4))
        scope = ".".join(f"{'abcd'[d]}{int(rng.integers(0, 3))}" for d in range(depth))
        with gd.scope(scope) if scope else gd.scope("loose"):
            one, other = (values[int(k)] for k in rng.integers(max(0, len(values) - 6), len(values), 2))
            values.append(gd.tanh(one) if rng.random() < 0.4 else one + other)
    return gd.sum(sum(values[-3:], gd.zeros((2, 3)))).backward()


def training_step() -> Graph:
    """Two layers and a loss, forward, backward and update."""
    net = gd.layers.Sequential(
        one=gd.layers.Linear(4, 5), two=gd.layers.Sequential(in_=gd.layers.Linear(5, 3))
    )
    optimizer = gd.optimizers.SGD(lr=0.1, momentum=0.9)

    @gd.compile
    def step(x: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        loss = gd.losses.softmax_cross_entropy(net(x), y).named("loss")
        optimizer.step(net, loss.backward())
        return loss

    step(np.ones((2, 4), "float32"), np.arange(2))
    return step.graph


def widened() -> tuple[Backward, Backward]:
    """A network, and it with a wider layer and one layer more."""

    def loss(**layers: gd.Module) -> Backward:
        net = gd.layers.Sequential(**layers)
        return gd.mean(net(np.ones((2, 4), "float32"))).named("loss").backward()

    linear = gd.layers.Linear
    return (
        loss(one=linear(4, 8), act=gd.layers.ReLU(), two=linear(8, 3)),
        loss(one=linear(4, 16), norm=gd.layers.LayerNorm(16), act=gd.layers.ReLU(), two=linear(16, 3)),
    )
