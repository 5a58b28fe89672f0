"""
A fused kernel for one backend
==============================

A composite is a named formula. It runs on every backend as the operations it is made of; a backend that has
something better may take it whole.
"""

import numpy as np
from figures import save

import graphdiff as gd
from graphdiff.testing import check_primitive

# %%
# Mish is x · tanh(ln(1 + eˣ)) (Misra 2019). Its derivative follows from the operations it is made of.

mish = gd.Composite(
    "mish_of_the_guide",
    lambda x: x * gd.tanh(gd.softplus(x)),
    elementwise=True,
    symbol="mish",
    samples=lambda source: ([source.array(source.shape())], {}),
)

x = gd.variable(-1.5, name="x")
y = mish(x).named("y")
save(gd.draw(y, gradients=y.backward(), unfold=True), "guide_fused_kernel_unfolded")

# %%
# torch computes it in one call. The kernel is added for torch alone, and before anybody uses torch, which
# is imported by its backend and not here.


@gd.kernel(mish, "torch")
def fused(x):
    from torch.nn.functional import mish

    return mish(x)


# %%
# What is compiled for NumPy still has all its operations; what is compiled for torch has one.

inputs = np.random.default_rng(0).normal(size=(256, 1024)).astype("float32")


def compiled(backend):
    with gd.backend(backend):
        function = gd.compile(mish)
        return function, function(inputs).numpy()


on_numpy, expected = compiled("numpy")
on_torch, found = compiled("torch")
save(gd.draw(on_numpy.graph, title="on NumPy"), "guide_fused_kernel_numpy")
save(gd.draw(on_torch.graph, title="on torch"), "guide_fused_kernel_torch")
print([node.primitive.name for node in on_numpy.graph.nodes if node.primitive])
assert [node.primitive for node in on_torch.graph.nodes if node.primitive] == [mish]
np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

# %%
# The derivative is still that of the formula. A composite may bring a better one too (``vjp=``); either way
# the checks compare value and derivative with the decomposition's, here on torch with its kernel.

with gd.backend("torch"):
    check_primitive(mish)
