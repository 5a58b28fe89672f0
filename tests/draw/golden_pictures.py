"""The pictures whose DOT text is kept in ``golden/``.

After a change of the looks that is meant, write them anew and look at the difference:

    python tests/draw/golden_pictures.py && git diff tests/draw/golden
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import graphdiff as gd
from graphdiff.draw import Picture, draw

FOLDER = Path(__file__).with_name("golden")


def circuit() -> Picture:
    x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
    return draw(((x + y) * z).backward())


def sigmoid_neuron() -> Picture:
    w0, x0, w1, x1, w2 = gd.variables(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
    return draw(gd.sigmoid(w0 * x0 + w1 * x1 + w2).backward(), unfold="sigmoid", local_gradients=True)


def residual_network() -> Picture:
    x = gd.variable(np.linspace(-1, 1, 32).reshape(4, 8), name="image")
    weights = np.linspace(-0.5, 0.5, 64).reshape(8, 8)
    hidden = x
    for layer in ("conv1", "conv2"):
        with gd.scope(f"features.{layer}"):
            w = gd.Parameter(weights, "float64", name=f"features.{layer}.weight")
            hidden = gd.relu(gd.matmul(hidden, w))
    with gd.scope("features"):
        hidden = hidden + x
    return draw(gd.mean(hidden * hidden).backward(), title="A residual network")


def _weights(*shape: int) -> np.ndarray:
    return np.linspace(-0.5, 0.5, int(np.prod(shape))).reshape(shape)


def rolled_stack() -> Picture:
    """Six equal blocks with weights of their own, and a cell that is called five times."""
    hidden = gd.variable(_weights(3, 4), name="tokens")
    for k in range(6):
        with gd.scope(f"blocks.{k}"):
            w = gd.Parameter(_weights(4, 4) * 2.0**k, "float64", name=f"blocks.{k}.weight")
            hidden = gd.relu(gd.matmul(hidden, w)) + hidden
    cell = gd.Parameter(_weights(4, 4), "float64", name="cell.weight")
    for _ in range(5):
        with gd.scope("cell"):
            hidden = gd.tanh(gd.matmul(hidden, cell))
    return draw(gd.mean(hidden).backward(), style="overview", title="Repeats")


def training_step() -> Picture:
    """Forward, backward and update of two layers, as panels."""
    names = ("first", "second")
    shapes = ((4, 5), (5, 2))
    weights = {
        name: gd.Parameter(_weights(*shape), "float64", name=f"{name}.weight")
        for name, shape in zip(names, shapes, strict=True)
    }

    def loss(x: gd.Tensor) -> gd.Tensor:
        for name, weight in weights.items():
            with gd.scope(name):
                x = gd.relu(gd.matmul(x, weight))
        return gd.mean(x)

    back = loss(gd.variable(_weights(3, 4), name="x")).backward(wrt=[*weights.values()])
    return draw(back, style="overview", show="both", title="A step")


_MADE = (circuit, sigmoid_neuron, residual_network, rolled_stack, training_step)
ALL: dict[str, Callable[[], Picture]] = {f.__name__: f for f in _MADE}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in ALL.items():
        make().save(FOLDER / f"{name}.dot")
