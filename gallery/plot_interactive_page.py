"""
A page to explore
=================

A picture saved as HTML is one file that needs nothing else: it folds and unfolds, searches, shows the details
of what is pointed at, and steps through the computation, forward and back, with the numbers of every
product. Press S for the steps, and the arrow keys.
"""

import numpy as np
from figures import save, save_page

import graphdiff as gd

w0, x0, w1, x1, w2 = gd.variables(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
f = gd.sigmoid(w0 * x0 + w1 * x1 + w2).named("f")
neuron = gd.draw(f, gradients=f.backward(), unfold="sigmoid", title="A sigmoid neuron")
save(neuron, "interactive_page_neuron")
save_page(neuron, "interactive_page_neuron")

# %%
# A network: open a stage, then a block; search for a layer by name.

gd.seed(0)
model = gd.models.resnet18(num_classes=10)
images = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype("float32")
loss = gd.losses.softmax_cross_entropy(model(images), np.array([3, 7])).named("loss")
network = gd.draw(loss, gradients=loss.backward(), title="ResNet-18")
save_page(network, "interactive_page_network")
