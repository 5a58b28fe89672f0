"""
A second derivative
===================

The gradient of f = x²·y with respect to x is 2xy: a value like any other, computed by a graph that can be
drawn and differentiated again. Its own gradients are a row of the Hessian: 2y by x, and 2x by y.
"""

import numpy as np
from figures import BLUE, GREEN, GREY, ORANGE, panels, save

import graphdiff as gd

x, y = gd.variables(x=3.0, y=-2.0)
f = gd.square(x) * y
slope = f.backward()[x].named("∂f/∂x")
save(gd.draw(f, gradients=f.backward()), "second_derivative_first")

# %%
# The graph of ∂f/∂x, with its gradients: they are second derivatives.

back = slope.backward()
print(f"∂²f/∂x² = {back[x].item()}, ∂²f/∂x∂y = {back[y].item()}")
save(gd.draw(slope, gradients=back), "second_derivative")

# %%
# As functions they nest to any order, here four times.

at, function = gd.tensor(np.linspace(-3, 3, 301)), gd.tanh
figure, (panel,) = panels()
for name, colour, line in (
    ("tanh", GREY, "-"),
    ("tanh′", BLUE, "-"),
    ("tanh″", ORANGE, "--"),
    ("tanh‴", GREEN, "-."),
):
    panel.plot(at.numpy(), function(at).numpy(), color=colour, ls=line, label=name)
    function = gd.grad(lambda x, function=function: gd.sum(function(x)))
panel.set(xlabel="x", xlim=(-3, 3))
panel.legend(frameon=False)
save(figure, "second_derivative_tanh")
