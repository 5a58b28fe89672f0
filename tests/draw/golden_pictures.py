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


ALL: dict[str, Callable[[], Picture]] = {f.__name__: f for f in (circuit, sigmoid_neuron, residual_network)}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in ALL.items():
        make().save(FOLDER / f"{name}.dot")
