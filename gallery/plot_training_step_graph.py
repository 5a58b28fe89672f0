"""
A whole training step as one graph
==================================

Forward pass, backward pass and the optimizer's update are nodes of one kind, so that a training step is one
graph. This is the step of a neuron with two weights and a bias, as ``gd.compile`` traces it.
"""

import numpy as np
from figures import save

import graphdiff as gd

gd.seed(0)
neuron = gd.layers.Linear(2, 1)
optimizer = gd.optimizers.SGD(lr=0.1, momentum=0.9)


@gd.compile
def step(x, y):
    """One step, and the loss before it."""
    loss = gd.mean(gd.square(neuron(x) - y)).named("loss")
    optimizer.step(neuron, loss.backward())
    return loss


x = np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -2.0]], "float32")
y = np.array([[1.0], [-1.0], [0.5]], "float32")
print(f"loss {step(x, y).item():.4f}, then {step(x, y).item():.4f}")
save(gd.draw(step.graph), "training_step_graph")
