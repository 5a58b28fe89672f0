"""
AlexNet and VGG-16
==================

The network that won ImageNet in 2012, and the deeper one with small filters of 2014. Nearly all of their
parameters are in the first layer of the classifier: 38 of 61 million in AlexNet, 103 of 138 in VGG-16.
"""

import numpy as np
from figures import save

import graphdiff as gd

image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype("float32")


def drawn(model):
    """The network with the norms of its gradients, before any training."""
    loss = gd.losses.softmax_cross_entropy(model(image), np.array([281])).named("loss")
    return gd.draw(loss, gradients=loss.backward())


gd.seed(0)
save(drawn(gd.models.alexnet()), "alexnet_and_vgg_alexnet")

# %%
# VGG-16 doubles the channels whenever it halves the image.

save(drawn(gd.models.vgg16()), "alexnet_and_vgg_vgg16")
