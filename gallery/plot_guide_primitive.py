"""
A primitive with its own gradient
=================================

Most operations are best written in existing ones, and need no derivative of their own. A primitive is for
what they cannot say, or not well: it brings a shape rule, a derivative, and a kernel for each backend.
"""

import numpy as np
from figures import BLUE, ORANGE, panels, save

import graphdiff as gd
from graphdiff.ops.common import same_spec
from graphdiff.testing import check_gradients, check_primitive

# %%
# The example is ln(eˣ + e⁻ˣ). Written in existing operations it overflows: e¹⁰⁰⁰ is infinite, its gradient
# ∞ / ∞.


def naive(x):
    return gd.log(gd.exp(x) + gd.exp(-x))


far = gd.variable(1000.0, name="x")
with np.errstate(over="ignore", invalid="ignore"):
    print("naive:", naive(far).item(), gd.grad(naive)(far).item())

# %%
# As a primitive it has a kernel that never overflows, and the derivative tanh x, which is written in graph
# operations and so can be differentiated again. ``samples`` draws inputs for the checks.

log_cosh = gd.Primitive(
    "log_2_cosh",
    spec=same_spec,
    vjp=(lambda g, out, x: g * gd.tanh(x),),
    formula=("tanh x",),
    elementwise=True,
    floating=True,
    symbol="ln 2cosh",
    samples=lambda source: ([source.array(source.shape())], {}),
    doc="ln(eˣ + e⁻ˣ), for any x.",
)


@gd.kernel(log_cosh, "numpy")
def on_numpy(x):
    return np.logaddexp(x, -x)


@gd.kernel(log_cosh, "torch")
def on_torch(x):
    return x.logaddexp(-x)


y = log_cosh(far).named("y")
back = y.backward()
assert (y.item(), back[far].item()) == (1000.0, 1.0)

# %%
# The checks that graphdiff's own primitives pass: value, shapes, dtypes, derivatives to second order, forward
# mode, memory layout, and that no input is changed.

check_primitive(log_cosh, reference=lambda x: np.log(2 * np.cosh(x)))
with gd.backend("torch"):
    check_gradients(log_cosh, [-1.0, 0.5], order=3)

# %%
# In a picture it has its symbol, and the local derivative on the edge its formula.

x = gd.variable(0.5, name="x")
y = log_cosh(gd.multiply(x, 2.0)).named("y")
save(gd.draw(y.backward(), local_gradients=True), "guide_primitive_circuit")

# %%
# Its derivatives, all three from the one rule.

at = np.linspace(-4, 4, 161)
_, (left, right) = panels(2, size=(9, 3.6))
first = gd.grad(lambda x: gd.sum(log_cosh(x)))
second = gd.grad(lambda x: gd.sum(first(x)))
left.plot(at, log_cosh(at).numpy(), color=BLUE)
left.plot(at, np.abs(at), ":", color="#777777")
left.set_title("ln 2cosh x, and |x|")
right.plot(at, first(at).numpy(), color=BLUE, label="first: tanh x")
right.plot(at, second(at).numpy(), color=ORANGE, label="second: 1 − tanh² x")
right.set_title("its derivatives")
right.legend(frameon=False)
save(left.figure, "guide_primitive_derivatives")
