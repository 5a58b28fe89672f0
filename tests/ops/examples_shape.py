"""Examples of the operations that arrange elements: torch's side gathers by the positions NumPy gives."""

import numpy as np
import torch
from ops.examples import any_axes, any_axis, example
from ops.references import rearranged

import graphdiff as gd


def arranged(x, ours, theirs):
    """An example of a rearrangement of one array."""
    return [x], ours, theirs, rearranged(theirs)


@example("reshape")
def reshape(s):
    x = s.array(s.shape())
    shapes = [x.shape[::-1], (1, *x.shape), (x.size,)]
    if x.size:
        shapes += [-1, (-1,), (1, -1), *((*x.shape[:k], -1, *x.shape[k + 1 :]) for k in range(x.ndim))]
    shape = s.choice(shapes)
    return arranged(x, lambda x: gd.reshape(x, shape), lambda x: np.reshape(x, shape))


@example("squeeze")
def squeeze(s):
    x = s.array(s.shape(max_side=2))
    ones = [a for a, n in enumerate(x.shape) if n == 1]
    axis = s.choice([None, tuple(ones), *ones, *(a - x.ndim for a in ones)])
    return arranged(x, lambda x: gd.squeeze(x, axis), lambda x: np.squeeze(x, axis))


@example("expand_dims")
def expand_dims(s):
    x = s.array(s.shape(max_dims=2))
    axis = any_axes(s, x.ndim + 2)
    if not isinstance(axis, tuple) or len(axis) != 2:
        axis = any_axis(s, x.ndim + 1)
    return arranged(x, lambda x: gd.expand_dims(x, axis), lambda x: np.expand_dims(x, axis))


@example("transpose")
def transpose(s):
    x = s.array(s.shape())
    axes = [a - x.ndim if s.boolean() else a for a in s.permutation(x.ndim)] if s.boolean() else None
    return arranged(x, lambda x: gd.transpose(x, axes), lambda x: np.transpose(x, axes))


@example("swapaxes")
def swapaxes(s):
    x = s.array(s.shape(min_dims=1))
    one, two = any_axis(s, x.ndim), any_axis(s, x.ndim)
    return arranged(x, lambda x: gd.swapaxes(x, one, two), lambda x: np.swapaxes(x, one, two))


@example("moveaxis")
def moveaxis(s):
    x = s.array(s.shape(min_dims=1))
    one, two = any_axis(s, x.ndim), any_axis(s, x.ndim)
    return arranged(x, lambda x: gd.moveaxis(x, one, two), lambda x: np.moveaxis(x, one, two))


@example("broadcast_to")
def broadcast_to(s):
    one, two = s.broadcastable(2)
    shape = np.broadcast_shapes(one, two)
    return arranged(s.array(one), lambda x: gd.broadcast_to(x, shape), lambda x: np.broadcast_to(x, shape))


@example("concatenate")
def concatenate(s):
    shape = s.shape(min_dims=1)
    axis = any_axis(s, len(shape))
    place = axis % len(shape)
    parts = [s.array((*shape[:place], s.integer(0, 2), *shape[place + 1 :])) for _ in range(s.integer(1, 3))]
    return (
        parts,
        lambda *xs: gd.concatenate(xs, axis),
        lambda *xs: np.concatenate(xs, axis),
        lambda *xs: torch.concatenate(xs, axis),
    )


@example("stack")
def stack(s):
    shape = s.shape(max_dims=2)
    axis = any_axis(s, len(shape) + 1)
    parts = [s.array(shape) for _ in range(s.integer(1, 3))]
    return (
        parts,
        lambda *xs: gd.stack(xs, axis),
        lambda *xs: np.stack(xs, axis),
        lambda *xs: torch.stack(xs, axis),
    )


@example("split")
def split(s):
    x = s.array(s.shape(min_dims=1, max_side=6, max_dims=2))
    axis = any_axis(s, x.ndim)
    n = x.shape[axis]
    equal = [k for k in range(1, n + 1) if n % k == 0] or [1, 2]
    indices = sorted(s.sequence(s.integer(0, 3), -n, n + 2), key=lambda i: i % (n + 3))
    sections = s.choice(equal) if s.boolean() else indices
    part = s.integer(0, (sections if isinstance(sections, int) else len(sections) + 1) - 1)
    return arranged(
        x, lambda x: gd.split(x, sections, axis)[part], lambda x: np.split(x, sections, axis)[part]
    )


@example("flip")
def flip(s):
    x = s.array(s.shape())
    axis = any_axes(s, x.ndim)
    return arranged(x, lambda x: gd.flip(x, axis), lambda x: np.flip(x, axis))


@example("roll")
def roll(s):
    x = s.array(s.shape())
    axis = any_axes(s, x.ndim)
    axis = None if axis == () else axis  # NumPy's roll knows no empty tuple
    shift = tuple(s.sequence(len(axis), -4, 4)) if isinstance(axis, tuple) else s.integer(-4, 4)
    return arranged(x, lambda x: gd.roll(x, shift, axis), lambda x: np.roll(x, shift, axis))


@example("pad")
def pad(s):
    mode = s.choice(["constant", "edge", "reflect", "symmetric", "wrap"])
    x = s.array(s.shape(min_dims=1, min_side=0 if mode == "constant" else 1))
    each = [(s.integer(0, 3), s.integer(0, 3)) for _ in range(x.ndim)]
    widths = s.choice([each, each[0], each[0][0]])
    if mode != "constant":
        return arranged(x, lambda x: gd.pad(x, widths, mode), lambda x: np.pad(x, widths, mode))
    value = s.choice([0.0, 2.5])

    def in_torch(x):
        pairs = np.broadcast_to(np.asarray(widths), (x.ndim, 2))[::-1].ravel().tolist()
        return torch.nn.functional.pad(x, pairs, value=value)

    return (
        [x],
        lambda x: gd.pad(x, widths, value=value),
        lambda x: np.pad(x, widths, constant_values=value),
        in_torch,
    )


@example("tile")
def tile(s):
    x = s.array(s.shape(max_dims=2))
    reps = s.choice([s.integer(0, 3), tuple(s.sequence(s.integer(0, 3), 0, 2))])
    return arranged(x, lambda x: gd.tile(x, reps), lambda x: np.tile(x, reps))


@example("repeat")
def repeat(s):
    x = s.array(s.shape())
    axis = any_axis(s, x.ndim) if x.ndim and s.boolean() else None
    n = x.size if axis is None else x.shape[axis]
    repeats = s.choice([s.integer(0, 3), s.integers((n,), 0, 2)])
    return arranged(x, lambda x: gd.repeat(x, repeats, axis), lambda x: np.repeat(x, repeats, axis))
