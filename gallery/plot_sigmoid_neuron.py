"""
A sigmoid neuron
================

Two inputs, two weights and a bias, squashed by a sigmoid. The sigmoid is one operation with one derivative,
σ(1 − σ), and it can be taken apart: what flows through the pieces multiplies to the same gradient.
"""

from figures import save

import graphdiff as gd

w0, x0, w1, x1, w2 = gd.variables(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
f = gd.sigmoid(w0 * x0 + w1 * x1 + w2)
back = f.backward()

save(gd.draw(f, gradients=back), "sigmoid_neuron")

# %%
# The same with the sigmoid unfolded.

save(gd.draw(f, gradients=back, unfold="sigmoid"), "sigmoid_neuron_unfolded")
