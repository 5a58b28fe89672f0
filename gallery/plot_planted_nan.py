"""
Finding a NaN
=============

A loss that is NaN says nothing about where it came from: everything after the first bad operation is NaN too.
``gd.diagnose`` names the first one, in the forward and in the backward pass. Here it is a logarithm of a
score that can be negative.
"""

from figures import save

import graphdiff as gd


class Careless(gd.Module):
    """Two layers, and a logarithm where none belongs."""

    def __init__(self):
        self.fc1 = gd.layers.Linear(64, 32, seed=0)
        self.fc2 = gd.layers.Linear(32, 10, seed=1)

    def forward(self, x):
        hidden = gd.log(self.fc1(x)).named("hidden")
        return self.fc2(hidden)


data = gd.datasets.digits().train
model = Careless()
loss = gd.losses.softmax_cross_entropy(model(data.inputs[:32]), data.labels[:32]).named("loss")
back = loss.backward()
print(gd.diagnose(back))
save(gd.draw(loss, gradients=back), "planted_nan")

# %%
# Some numbers go bad on the way back alone: the norm of a difference that is 0, written by hand with a square
# root. The value is a plain 0, its gradient ∞ · 0.

x = gd.variable([3.0, 4.0], name="x")
distance = gd.sqrt(gd.sum(gd.square(x - gd.tensor([3.0, 4.0], name="target")))).named("distance")
back = distance.backward()
print(gd.diagnose(back))
save(gd.draw(distance, gradients=back), "planted_nan_backward")
