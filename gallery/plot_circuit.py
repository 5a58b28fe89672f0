"""
A circuit
=========

The smallest example of backpropagation: f = (x + y) · z. Every wire carries its value above and the
gradient of f with respect to it below. The gradients flow from right to left: an addition passes its
gradient on to both operands, a multiplication scales it by the other operand.
"""

from pathlib import Path

import graphdiff as gd
from graphdiff.draw import draw

x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
f = (x + y) * z
back = f.backward()

pictures = Path(__file__).parent / "pictures"
pictures.mkdir(exist_ok=True)
picture = draw(f, gradients=back)
for suffix in ("svg", "png"):
    print(picture.save(pictures / f"circuit.{suffix}").name)

# %%
# The backward pass is a graph like any other. Its operations are the squares; the names in green are the
# forward values that they use.

picture = draw(back, show="both")
for suffix in ("svg", "png"):
    print(picture.save(pictures / f"circuit_backward.{suffix}").name)
