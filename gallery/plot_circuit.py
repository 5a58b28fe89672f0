"""
A circuit
=========

The smallest example of backpropagation: f = (x + y) · z. Every wire carries its value above and the
gradient of f with respect to it below. The gradients flow from right to left: an addition passes its
gradient on to both operands, a multiplication scales it by the other operand.
"""

from figures import save

import graphdiff as gd

x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
f = (x + y) * z
back = f.backward()

save(gd.draw(f, gradients=back), "circuit")

# %%
# The backward pass is a graph like any other. Its operations are the squares; the names in green are the
# forward values that they use.

save(gd.draw(back, show="both"), "circuit_backward")
