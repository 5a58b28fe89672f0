"""Examples of the public operations: each draws arguments, and says the same thing three times, in
graphdiff, in NumPy and in torch.

An example is a :class:`Case` like a primitive's, so every check of a primitive applies to it.
"""

from dataclasses import dataclass
from typing import Any

from graphdiff.testing import Case

EXAMPLES: dict[str, Any] = {}


@dataclass(frozen=True)
class Function:
    """A public operation with its static arguments, standing where a case expects a primitive."""

    name: str
    ours: Any
    numpy: Any
    torch: Any

    def __call__(self, *inputs, **params):
        return self.ours(*inputs, **params)

    def rule(self, argnum):
        return self.ours  # every floating operand of a public operation has a derivative


def example(name):
    """Register a drawer: ``draw(source) -> (inputs, ours, numpy, torch)`` or with parameters behind."""

    def register(draw):
        assert name not in EXAMPLES
        EXAMPLES[name] = draw
        return draw

    return register


def draw_example(name, source):
    inputs, ours, numpy, torch, *params = EXAMPLES[name](source)
    return Case(Function(name, ours, numpy, torch), tuple(inputs), *(params or [{}]))


# What several examples draw


def signed(s, axis, ndim):
    """The axis counted from the front or from the end."""
    return axis - ndim if s.boolean() else axis


def any_axis(s, ndim):
    return signed(s, s.axis(ndim), ndim)


def any_axes(s, ndim):
    """``None``, one axis, or a tuple of them in some order, of either sign."""
    kind = s.choice(["none", "one", "several"])
    if kind == "one" and ndim:
        return any_axis(s, ndim)
    if kind == "none":
        return None
    axes = s.axes(ndim)
    return tuple(signed(s, axes[i], ndim) for i in s.permutation(len(axes)))


def plain_axes(axis, ndim):
    """What ``None``, an integer or a tuple of either sign means, as sorted axes from the front."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))))
