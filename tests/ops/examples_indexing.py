"""Examples of indexing: keys of every kind, read, written and added to."""

import numpy as np
import torch
from ops.examples import any_axis, example, signed
from ops.references import rearranged

import graphdiff as gd


def arranged(x, ours, theirs):
    return [x], ours, theirs, rearranged(theirs)


# Keys


def _slice(s, n):
    def bound():
        return s.choice([None, s.integer(-n - 2, n + 2)])

    return slice(bound(), bound(), s.choice([None, 1, 2, -1, -2]))


def basic_key(s, shape):
    """Integers of either sign, slices, ``None`` and at most one ``...``."""
    entries = []
    for n in shape[: s.integer(0, len(shape))]:
        entries.append(signed(s, s.integer(0, n - 1), n) if n and s.boolean() else _slice(s, n))
    if s.boolean():
        entries.insert(s.integer(0, len(entries)), None)
    if len(entries) - entries.count(None) == 0 or s.boolean():
        entries.append(...)  # at the end, so that the entries in front keep their axes
    return tuple(entries)


def mixed_key(s, shape):
    """Integer arrays and at most one mask among integers, slices and ``None``; spots may repeat."""
    # What a mask lets through must broadcast with the arrays: beside one, they have a single element.
    masked = s.boolean()
    whole = s.choice([(), (1,)]) if masked else s.shape(max_dims=2)
    entries = []
    for n in shape:
        kind = s.choice(["array", "slice", "integer", "mask"] if n else ["slice"])
        if kind == "array":
            index = s.integers(s.choice([whole, whole[1:], (1,) * len(whole)]), -n, n - 1)
            entries.append(s.choice([index, index.tolist() if index.ndim and index.size else index]))
        elif kind == "mask" and masked:
            entries.append(s.integers((n,), 0, 1) > 0)
            masked = False
        else:
            entries.append(signed(s, s.integer(0, n - 1), n) if kind == "integer" else _slice(s, n))
        if s.integer(0, 4) == 4:
            entries.append(None)
    if entries and s.boolean():
        entries[0 if s.boolean() else -1] = ...
    return tuple(entries)


def mask(s, shape):
    """A mask of the first axes, at least one."""
    return s.integers(shape[: s.integer(1, len(shape))], 0, 1) > 0


def any_key(s, shape):
    kind = s.choice([basic_key, mixed_key, mask] if shape else [basic_key, mixed_key])
    return kind(s, shape)


def tensors_in(key):
    """The key with graphdiff tensors in place of its integer arrays."""
    entries = key if isinstance(key, tuple) else (key,)
    return tuple(gd.tensor(e) if isinstance(e, np.ndarray) and e.dtype == np.int64 else e for e in entries)


@example("getitem")
def getitem(s):
    x = s.array(s.shape())
    key = any_key(s, x.shape)
    ours = tensors_in(key) if s.boolean() else key
    return arranged(x, lambda x: gd.getitem(x, ours), lambda x: x[key])


# Writing


def spots_of(shape, key):
    return np.arange(int(np.prod(shape))).reshape(shape)[key]


def _write(s, ours, add):
    x = s.array(s.shape())
    key = any_key(s, x.shape)
    spots = spots_of(x.shape, key)
    values = s.array(s.choice([spots.shape, spots.shape[1:], (1,) * spots.ndim, ()]))

    def in_numpy(x, values):
        out = x.reshape(-1).copy()
        for spot, value in zip(spots.ravel(), np.broadcast_to(values, spots.shape).ravel(), strict=True):
            out[spot] = value + (out[spot] if add else 0)
        return out.reshape(x.shape)

    def in_torch(x, values):
        flat = spots.ravel()
        kept = [k for k, spot in enumerate(flat) if add or spot not in flat[k + 1 :]]
        given = values.expand(spots.shape).reshape(-1)[kept]
        places = torch.from_numpy(np.array(flat[kept], np.int64))
        return x.reshape(-1).index_put((places,), given, accumulate=add).reshape(x.shape)

    return [x, values], lambda x, values: ours(x, key, values), in_numpy, in_torch


@example("index_update")
def index_update(s):
    return _write(s, gd.index_update, add=False)


@example("scatter_add")
def scatter_add(s):
    return _write(s, gd.scatter_add, add=True)


# Along an axis


@example("take")
def take(s):
    x = s.array(s.shape(min_side=1))
    axis = any_axis(s, x.ndim) if x.ndim and s.boolean() else None
    n = x.size if axis is None else x.shape[axis]
    indices = s.integers(s.shape(max_dims=2), -n, n - 1)
    return arranged(x, lambda x: gd.take(x, indices, axis), lambda x: np.take(x, indices, axis))


@example("take_along_axis")
def take_along_axis(s):
    x = s.array(s.shape(min_dims=1, min_side=1))
    axis = any_axis(s, x.ndim)
    shape = list(x.shape)
    shape[axis] = s.integer(0, 4)
    indices = s.integers(tuple(shape), -x.shape[axis], x.shape[axis] - 1)
    return arranged(
        x, lambda x: gd.take_along_axis(x, indices, axis), lambda x: np.take_along_axis(x, indices, axis)
    )


@example("diagonal")
def diagonal(s):
    x = s.array(s.shape(min_dims=2))
    one, two, *_ = (signed(s, a, x.ndim) for a in s.permutation(x.ndim))
    offset = s.integer(-3, 3)
    return arranged(x, lambda x: gd.diagonal(x, offset, one, two), lambda x: np.diagonal(x, offset, one, two))


@example("one_hot")
def one_hot(s):
    depth, dtype = s.integer(1, 4), s.choice(["float64", "float32"])
    labels = s.integers(s.shape(), 0, depth - 1)
    return (
        [labels],
        lambda labels, dtype: gd.one_hot(labels, depth, dtype),
        lambda labels, dtype: np.eye(depth, dtype=dtype)[labels],
        lambda labels, dtype: torch.nn.functional.one_hot(labels, depth).to(getattr(torch, dtype)),
        {"dtype": dtype},
    )
