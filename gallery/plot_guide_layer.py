"""
A layer in 15 lines
===================

A layer is a class: parameters in ``__init__``, and what it computes from its input in ``forward``. Nothing
else is written; derivative, picture, compiled step, state dict and the second backend come along.
"""

import numpy as np
from figures import save

import graphdiff as gd

# %%
# Here is all of it: a gate that each feature learns, σ(gx + b)·x, as a soft switch.


@gd.layers.register
class Gate(gd.Module):
    """σ(gx + b)·x, elementwise, with g and b per feature.

    Shapes: (…, features) -> (…, features).
    """

    def __init__(self, features):
        self.gain = gd.Parameter(np.ones(features))
        self.bias = gd.Parameter(np.zeros(features))

    def forward(self, x):
        return gd.sigmoid(self.gain * x + self.bias) * x


# %%
# By itself it is a circuit, with every gradient.

x = gd.variable(np.array([2.0], "float32"), name="x")
y = Gate(1)(x).named("y")
save(gd.draw(y, gradients=gd.sum(y).backward(), title="one feature"), "guide_layer_circuit")

# %%
# In a network it is a box with its parameters, found by its name.

gd.seed(0)
data = gd.datasets.digits().train


def network():
    return gd.layers.Sequential(
        fc1=gd.layers.Linear(64, 32), gate=gd.layers.Gate(32), fc2=gd.layers.Linear(32, 10)
    )


model = network()
loss = gd.losses.softmax_cross_entropy(model(data.inputs[:32]), data.labels[:32])
save(gd.draw(loss, gradients=loss.backward()), "guide_layer_network")

# %%
# It trains, eager or compiled, on NumPy or on torch, to the same losses.


def trained(backend, compiled):
    gd.seed(0)
    with gd.backend(backend):
        model, optimizer = network(), gd.optimizers.SGD(lr=0.3)

        def step(images, labels):
            loss = gd.losses.softmax_cross_entropy(model(images), labels)
            optimizer.step(model, loss.backward())
            return loss

        step = gd.compile(step) if compiled else step
        return [step(data.inputs[:256], data.labels[:256]).item() for _ in range(40)]


losses = {(b, c): trained(b, c) for b in ("numpy", "torch") for c in (False, True)}
for (backend, compiled), values in losses.items():
    print(f"{backend:6}{'compiled' if compiled else 'eager':>9}: {values[0]:.4f} → {values[-1]:.4f}")
assert losses["numpy", True] == losses["numpy", False]
assert np.allclose(losses["torch", True], losses["numpy", True], rtol=1e-3)

# %%
# A package publishes it by the entry point ``Gate = "my_layers.gate:Gate"`` of the group ``graphdiff.layers``
# (``graphdiff plugins new my-layers`` makes such a package, with its tests).
