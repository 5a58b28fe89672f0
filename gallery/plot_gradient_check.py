"""
Numerical against analytic gradients
====================================

A gradient can be checked without knowing any rule: nudge a weight by h and see how the loss changes. The
numerical gradient is slow and never exact, the one from the graph is neither; so use the second, and check
it with the first. But h must be chosen well: a large one cuts the curve, a tiny one is lost in rounding.
"""

import numpy as np
from figures import BLUE, GREY, ORANGE, PURPLE, panels, save

import graphdiff as gd
from graphdiff.testing import check_gradients, numerical_gradient, relative_error

inputs = gd.tensor([[1.0, -2.0, 0.5], [0.3, 0.8, -1.5]])


def loss(w):
    """The softmax loss of a linear classifier with two images and four classes."""
    return gd.losses.softmax_cross_entropy(inputs @ gd.reshape(w, (3, 4)), gd.tensor([2, 0]))


w = np.random.default_rng(0).normal(size=12)
analytic = gd.grad(loss)(gd.tensor(w)).numpy()
numerical = numerical_gradient(loss, w)
check_gradients(loss, w)
for place in range(4):
    error = relative_error(analytic[place], numerical[place])
    print(
        f"w{place}: analytic {analytic[place]: .10f}  numerical {numerical[place]: .10f}  error {error:.0e}"
    )

# %%
# On the left the curve of one weight with its tangent and with two chords; on the right the largest relative
# error of all twelve weights for each h. Central differences win, and float32 is too coarse for either.


def at(value):
    """The loss where the first weight has another value."""
    return loss(gd.tensor([value, *w[1:]])).item()


def errors(dtype, sides):
    """The largest relative error for every step; differences to one side or to both."""
    found = []
    for h in STEPS:
        nudges = np.eye(12) * h
        high = [loss(gd.tensor(w + nudge, dtype=dtype)).item() for nudge in nudges]
        low = [loss(gd.tensor(w - (sides - 1) * nudge, dtype=dtype)).item() for nudge in nudges]
        found.append(relative_error(analytic, np.subtract(high, low) / (sides * h)).max())
    return found


STEPS = np.logspace(-12, 0, 37)
figure, (left, right) = panels(2, size=(10, 4.2))
around = np.linspace(w[0] - 4, w[0] + 4, 200)
left.plot(around, [at(value) for value in around], color=GREY, lw=3, label="loss")
left.axline((w[0], at(w[0])), slope=analytic[0], color=BLUE, label="analytic gradient")
for h, line in ((3.0, ":"), (1.5, "--")):
    ends = w[0] - h, w[0] + h
    left.plot(
        ends, [at(end) for end in ends], "o", ls=line, color=ORANGE, label=f"(f(w+h) − f(w−h)) / 2h, h = {h}"
    )
left.set(xlabel="first weight", ylabel="softmax loss (nats)", ylim=(0, None))
left.legend(frameon=False)
for dtype, sides, colour, line in (
    ("float64", 2, BLUE, "-"), ("float64", 1, ORANGE, "--"), ("float32", 2, PURPLE, ":")
):  # fmt: skip
    name = f"{dtype}, {'central' if sides == 2 else 'one-sided'}"
    right.loglog(STEPS, errors(dtype, sides), color=colour, ls=line, label=name)
right.set(xlabel="step h", ylabel="largest relative error", ylim=(1e-12, 10))
right.legend(frameon=False)
save(figure, "gradient_check")
