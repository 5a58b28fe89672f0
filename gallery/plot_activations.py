"""
Activations and their derivatives
=================================

Each activation as it is, and its derivative as backpropagation computes it. Where the derivative is 0, no
gradient comes through: a sigmoid saturates on both sides, a rectifier on one.
"""

import numpy as np
from figures import BLUE, ORANGE, panels, save

import graphdiff as gd

ACTIVATIONS = {
    "sigmoid": gd.sigmoid,
    "tanh": gd.tanh,
    "ReLU": gd.relu,
    "leaky ReLU (slope 0.1)": lambda x: gd.leaky_relu(x, 0.1),
    "ELU": gd.elu,
    "SELU": gd.selu,
    "softplus": gd.softplus,
    "SiLU, x·σ(x)": gd.silu,
    "GELU, x·Φ(x)": gd.gelu,
    "maxout of two lines": lambda x: gd.maximum(0.8 * x - 0.5, -0.4 * x),
}
x = gd.tensor(np.linspace(-4, 4, 401))

figure, grid = panels(5, rows=2, size=(14, 5.6), sharex=True, sharey=True)
for panel, (name, function) in zip(grid, ACTIVATIONS.items(), strict=True):
    value = function(x).numpy()
    derivative = gd.grad(lambda x, function=function: gd.sum(function(x)))(x).numpy()
    panel.axhline(0, color="#bbbbbb", lw=0.8)
    panel.axvline(0, color="#bbbbbb", lw=0.8)
    panel.plot(x.numpy(), value, color=BLUE, lw=2.2, label="activation")
    panel.plot(x.numpy(), derivative, color=ORANGE, lw=1.8, ls="--", label="derivative")
    panel.set_title(name, loc="left", fontsize=11)
    panel.set(xlim=(-4, 4), ylim=(-2, 3))
    print(f"{name:24} derivative from {derivative.min():.3f} to {derivative.max():.3f}")
grid[0].legend(frameon=False, loc="upper left")
save(figure, "activations")

# %%
# The same as a graph: the sigmoid is one operation with a derivative of its own.

x = gd.variable(-2.0, name="x")
y = gd.sigmoid(x).named("y")
save(gd.draw(y, gradients=y.backward(), local_gradients=True, unfold="sigmoid"), "activations_sigmoid")
