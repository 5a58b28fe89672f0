"""
A layer of your own, drawn
==========================

An operation written in existing ones is a composite: it is drawn as one box with its symbol, or unfolded
under its formula. A layer that registers is found by name, like those that come along.
"""

from figures import save

import graphdiff as gd
from graphdiff.draw.labels import Label

mish = gd.Composite(
    "mish", lambda x: x * gd.tanh(gd.softplus(x)), elementwise=True, doc="x · tanh(ln(1 + eˣ)) (Misra 2019)."
)

x = gd.variable(-1.5, name="x")
y = mish(x).named("y")
save(gd.draw(y, gradients=y.backward()), "plugin_layer_folded")
save(gd.draw(y, gradients=y.backward(), unfold="mish"), "plugin_layer_unfolded")

# %%
# As a layer in a network: registered here for this session, by a package through the entry point
# ``graphdiff.layers``. What its box says beside its name, and in which colour, is its own choice.


@gd.layers.register
class Mish(gd.Module):
    """x · tanh(softplus(x)), elementwise."""

    def forward(self, x):
        return mish(x)

    def draw_label(self):
        return Label(
            rows=["x · tanh(ln(1 + eˣ))"], color="#E7E0F8", gradient="tanh(sp) + x·(1 − tanh²(sp))·σ(x)"
        )


gd.seed(0)
model = gd.layers.Sequential(
    fc1=gd.layers.Linear(64, 32), mish=gd.layers.Mish(), fc2=gd.layers.Linear(32, 10)
)
data = gd.datasets.digits().train
loss = gd.losses.softmax_cross_entropy(model(data.inputs[:32]), data.labels[:32]).named("loss")
save(gd.draw(loss, gradients=loss.backward()), "plugin_layer")
