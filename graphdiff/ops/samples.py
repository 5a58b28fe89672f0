"""Inputs that suit the primitives, drawn from any :class:`graphdiff.testing.Source`.

Values lie on a grid that avoids the kinks (0, integers, ties), so that finite differences see a smooth
function; the kinks themselves have tests of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Sample = tuple[Sequence[Any], Mapping[str, Any]]
Samples = Callable[[Any], Sample]


def operands(count: int, low: float = -2.0, high: float = 2.0) -> Samples:
    """Operands whose shapes broadcast together, values between low and high."""

    def draw(s: Any) -> Sample:
        return [s.array(shape, low, high) for shape in s.broadcastable(count)], {}

    return draw


def untied_operands(s: Any) -> Sample:
    """Two operands that are nowhere equal."""
    one, two = s.broadcastable(2)
    return [s.array(one), s.array(two, offset=0.75)], {}


def booleans(count: int) -> Samples:
    def draw(s: Any) -> Sample:
        return [s.array(shape) > 0 for shape in s.broadcastable(count)], {}

    return draw


def choice(s: Any) -> Sample:
    """A condition and two operands."""
    condition, x, y = (s.array(shape) for shape in s.broadcastable(3))
    return [condition > 0, x, y], {}


def clip(s: Any) -> Sample:
    low = s.choice([-1.0, 0.0, -math.inf])
    return [s.array(s.shape())], {"low": low, "high": s.choice([0.0, 1.0, math.inf])}


def cast(s: Any) -> Sample:
    return [s.array(s.shape())], {"dtype": s.choice(["float64", "float32", "int64"])}


def reduction(s: Any) -> Sample:
    """A tensor, the axes to reduce, and whether to keep them."""
    shape = s.shape()
    return [s.array(shape)], {"axes": s.axes(len(shape)), "keepdims": s.boolean()}


def untied_reduction(s: Any) -> Sample:
    """The same with at least one element along every axis and no two elements equal."""
    shape = s.shape(min_side=1)
    return [s.distinct(shape)], {"axes": s.axes(len(shape)), "keepdims": s.boolean()}


def untied_axis(s: Any) -> Sample:
    shape = s.shape(min_dims=1, min_side=1)
    return [s.distinct(shape)], {"axis": s.axis(len(shape)), "keepdims": s.boolean()}


def moments(s: Any) -> Sample:
    """What a variance takes: more elements than ``ddof`` takes away."""
    shape = s.shape(min_dims=1, min_side=2)
    axes = s.axes(len(shape)) or (0,)
    return [s.distinct(shape)], {"axes": axes, "ddof": s.choice([0, 1]), "keepdims": s.boolean()}


def nonempty_reduction(s: Any) -> Sample:
    shape = s.shape(min_side=1)
    return [s.array(shape)], {"axes": s.axes(len(shape)), "keepdims": s.boolean()}


def along_axis(s: Any) -> Sample:
    shape = s.shape(min_dims=1, min_side=1)
    return [s.array(shape)], {"axis": s.axis(len(shape))}


def scan(s: Any) -> Sample:
    shape = s.shape(min_dims=1)
    return [s.array(shape)], {"axis": s.axis(len(shape)), "reverse": s.boolean()}


def reshape(s: Any) -> Sample:
    shape = s.shape()
    size = 1
    for n in shape:
        size *= n
    return [s.array(shape)], {"shape": s.choice([(size,), (1, size), shape[::-1], (*shape, 1)])}


def transpose(s: Any) -> Sample:
    shape = s.shape()
    return [s.array(shape)], {"axes": s.permutation(len(shape))}


def broadcast(s: Any) -> Sample:
    one, two = s.broadcastable(2)
    whole = tuple(b if a == 1 else a for a, b in zip(_padded(one, two), _padded(two, one), strict=True))
    return [s.array(one)], {"shape": whole}


def _padded(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (len(other) - len(shape)) + shape


def concatenate(s: Any) -> Sample:
    shape = s.shape(min_dims=1)
    axis = s.axis(len(shape))
    parts = [(*shape[:axis], s.integer(0, 3), *shape[axis + 1 :]) for _ in range(s.integer(1, 3))]
    return [s.array(part) for part in parts], {"axis": axis}


def strided(s: Any) -> Sample:
    """A tensor and one (start, stop, step) per axis, steps of either sign."""
    shape = s.shape()
    bounds = []
    for n in shape:
        step = s.choice([1, 2, -1, -2])
        first, last = sorted((s.integer(0, n), s.integer(0, n)))
        bounds.append((first, last, step) if step > 0 else (last - 1, first - 1, step))
    return [s.array(shape)], {"bounds": tuple(bounds)}


def embedded(s: Any) -> Sample:
    """What a strided slice gave, the bounds, and the shape it was taken from."""
    (x,), params = strided(s)
    shape = tuple(len(range(*b)) for b in params["bounds"])
    return [s.array(shape)], {"shape": x.shape, "bounds": params["bounds"], "value": s.choice([0.0, 1.5])}


def indexed(s: Any) -> Sample:
    """A tensor of at least two axes and two broadcast index tensors beside a slice."""
    shape = s.shape(min_dims=2, min_side=1)
    rows = s.integers(s.shape(max_dims=2), -shape[0], shape[0] - 1)
    columns = s.integers(rows.shape[-1:], -shape[1], shape[1] - 1)
    return [s.array(shape), rows, columns], {"key": s.choice([(0, 1), (0, 1, Ellipsis)])}


def updated(s: Any) -> Sample:
    """A tensor, updates, and where they go."""
    (x, *index), params = indexed(s)
    spots = x[tuple(index[k] if isinstance(k, int) else k for k in params["key"])]
    return [x, s.array(spots.shape), *index], params


def labels(s: Any) -> Sample:
    depth = s.integer(1, 5)
    dtype = s.choice(["float64", "float32"])
    return [s.integers(s.shape(), 0, depth - 1)], {"depth": depth, "dtype": dtype}


def matrices(s: Any) -> Sample:
    """Two stacks of matrices that multiply, their batch axes broadcast."""
    n, k, m = (s.integer(0, 3) for _ in range(3))
    one, two = s.broadcastable(2)
    return [s.array((*one[-2:], n, k)), s.array((*two[-2:], k, m))], {}


def einsum(s: Any) -> Sample:
    sizes = {letter: s.integer(1, 3) for letter in "ijkl"}
    subscripts = s.choice(["ij,jk->ik", "ij->ji", "i,j->ij", "ij,ij->", "ijk,kl,l->ji", "ij->", "i,ij,j->i"])
    terms = subscripts.split("->")[0].split(",")
    return [s.array(tuple(sizes[c] for c in term)) for term in terms], {"subscripts": subscripts}
