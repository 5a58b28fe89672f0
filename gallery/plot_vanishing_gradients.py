"""
Vanishing gradients
===================

Twelve layers of 32 units, once with sigmoids, once with ReLUs, once with ReLUs and a way around each layer.
The slope of a sigmoid is at most ¼, so less than a quarter of the gradient comes through each: the first
layers learn nothing. A way around hands the gradient on unchanged.
"""

import numpy as np
from figures import BLUE, GREEN, ORANGE, panels, save

import graphdiff as gd

DEPTH, WIDTH = 12, 32
layers = gd.layers
data = gd.datasets.digits().train
images, labels = data.inputs[:64], data.labels[:64]


def block(activation, around):
    """A layer with its activation, and a way around it or not."""
    fc = layers.Linear(WIDTH, WIDTH)
    fc.weight.assign(gd.init.kaiming_normal(fc.weight, nonlinearity="relu") / (DEPTH if around else 1))
    inner = layers.Sequential(fc=fc, act=activation())
    return layers.Residual(inner, activation=None) if around else inner


def network(activation, around=False):
    """The blocks between a first and a last layer."""
    gd.seed(0)
    blocks = [block(activation, around) for _ in range(DEPTH)]
    return layers.Sequential(
        first=layers.Linear(64, WIDTH), blocks=layers.Sequential(*blocks), last=layers.Linear(WIDTH, 10)
    )


NETWORKS = {
    "sigmoid": (network(layers.Sigmoid), ORANGE, "o"),
    "ReLU": (network(layers.ReLU), BLUE, "s"),
    "residual": (network(layers.ReLU, around=True), GREEN, "^"),
}

figure, (panel,) = panels(size=(8, 4.4))
drawings = {}
for name, (model, colour, marker) in NETWORKS.items():
    loss = gd.losses.softmax_cross_entropy(model(images), labels).named("loss")
    back = loss.backward()
    weights = [p for path, p in model.named_parameters() if "blocks" in path and path.endswith("weight")]
    norms = [np.linalg.norm(back[weight].numpy()) for weight in weights]
    print(f"{name:9} ‖∇W‖ of the first block {norms[0]:.1e}, of the last {norms[-1]:.1e}")
    panel.semilogy(range(1, DEPTH + 1), norms, color=colour, marker=marker, label=name)
    drawings[name] = gd.draw(loss, gradients=back, boxes=8)
panel.set(xlabel="block", ylabel="‖∇W‖ before any training")
panel.set_title("How much of the gradient reaches each layer", loc="left")
panel.legend(frameon=False)
save(figure, "vanishing_gradients")

# %%
# The same three on their graphs: with sigmoids it gets bluer towards the input.

for name, drawing in drawings.items():
    save(drawing, f"vanishing_gradients_{name}")
