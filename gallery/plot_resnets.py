"""
ResNet-50 and ResNet-152
========================

Blocks that repeat are one box, "× 35", with a strip that has a colour for each: the norm of the gradient of
its weights. So a network of 152 layers fits on a page, forward and backward, and it still shows in which of
its blocks gradients grow or fade.
"""

import time

import numpy as np
from figures import save

import graphdiff as gd

gd.seed(0)
image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype("float32")


def drawn(model):
    """The network with the norms of its gradients, before any training."""
    loss = gd.losses.softmax_cross_entropy(model(image), np.array([281])).named("loss")
    back = loss.backward()
    for parameter in model.parameters():
        back[parameter].numpy()  # gradients are computed when they are asked for
    start = time.perf_counter()
    picture = gd.draw(loss, gradients=back)
    size = len(picture.svg) / 1000
    print(f"{len(back.forward_graph)} nodes forward, {len(back.graph)} in all; ", end="")
    print(f"drawn in {time.perf_counter() - start:.2f} s, {size:.0f} kB")
    return picture


save(drawn(gd.models.resnet50()), "resnets_50")

# %%
# ResNet-152 takes no more room.

save(drawn(gd.models.resnet152()), "resnets_152")
