"""
A whole training step as one graph
==================================

Forward pass, backward pass and the optimizer's update are nodes of one kind, so that a training step is one
graph: ``gd.compile`` traces it. In the picture each layer has a row: what it computes, what it passes back
(∂), and how its parameters change (Δ).
"""

from figures import save

import graphdiff as gd

gd.seed(0)
data = gd.datasets.digits().train
model = gd.layers.Sequential(fc1=gd.layers.Linear(64, 32), act=gd.layers.ReLU(), fc2=gd.layers.Linear(32, 10))
optimizer = gd.optimizers.SGD(lr=0.1, momentum=0.9)


@gd.compile
def step(images, labels):
    """One step, and the loss before it."""
    loss = gd.losses.softmax_cross_entropy(model(images), labels).named("loss")
    optimizer.step(model, loss.backward())
    return loss


losses = [step(data.inputs[:32], data.labels[:32]).item() for _ in range(4)]
print("losses", *(f"{loss:.3f}" for loss in losses))
save(gd.draw(step.graph), "training_step_graph")
