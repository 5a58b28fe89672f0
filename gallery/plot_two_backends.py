"""
One graph, two backends
=======================

The same function, once on NumPy and once on torch: the graph is the same node by node, so the pictures are
the same to the last letter. Which library does the arithmetic is all that differs.
"""

from figures import save

import graphdiff as gd


def drawn(backend):
    """A unit with two inputs, and the gradients of its loss, on one of the backends."""
    with gd.backend(backend):
        w, x, b = (
            gd.variable([0.5, -1.0], name="w"),
            gd.tensor([2.0, 1.5], name="x"),
            gd.variable(0.3, name="b"),
        )
        loss = gd.square(gd.tanh(gd.sum(w * x) + b) - 1).named("loss")
        back = loss.backward()
        print(f"{backend:6} loss {loss.item():.15f}, ∂/∂b {back[b].item():.15f}")
        return gd.draw(loss, gradients=back, title=f"on {backend}")


numpy, torch = drawn("numpy"), drawn("torch")
save(numpy, "two_backends_numpy")
save(torch, "two_backends_torch")
assert numpy.dot.replace("on numpy", "on torch") == torch.dot
