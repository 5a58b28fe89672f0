"""
GoogLeNet
=========

Nine Inception modules in a row, each a box. One of them is unfolded: four branches look at the same image
with filters of different sizes, and what they find is joined along the channels.
"""

import numpy as np
from figures import save

import graphdiff as gd

gd.seed(0)
model = gd.models.googlenet()
image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype("float32")
loss = gd.losses.softmax_cross_entropy(model(image), np.array([281])).named("loss")
back = loss.backward()
save(gd.draw(loss, gradients=back, unfold="inception3a"), "googlenet")
