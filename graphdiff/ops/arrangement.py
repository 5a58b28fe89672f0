"""Arrangements of elements, made of slices, joins and takes: split, flip, roll, pad, tile, repeat."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from graphdiff.arguments import is_number, shown
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.leaf import as_tensor
from graphdiff.ops.common import located, normalize_axes, normalize_axis
from graphdiff.ops.indexing import take
from graphdiff.ops.shape import as_shape, broadcast_to, concatenate, cut, embed, reshape, strided_slice
from graphdiff.tensor import Tensor


def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cut along an axis into equal parts, or before the given indices.

    Raises:
        ShapeError: the axis does not divide into so many equal parts. ArgumentError: not integers.
    """
    x = as_tensor(x)
    axis = normalize_axis("split", x, axis)
    n = x.shape[axis]
    sections = _integers("split", x, sections)
    if isinstance(sections, int):
        if sections < 1 or n % sections:
            error = ShapeError(
                f"size {n} of axis {axis} does not divide into {sections} equal parts",
                fix="give the indices to cut at instead",
            )
            raise located(error, "split", x)
        cuts = list(range(0, n, n // sections or 1))[1:sections] if n else [0] * (sections - 1)
    else:
        cuts = [slice(None, i).indices(n)[1] for i in sections]
    return [cut(x, axis, a, max(a, b)) for a, b in zip([0, *cuts], [*cuts, n], strict=True)]


def _integers(operation: str, x: Tensor, value: Any) -> Any:
    """An integer as an int, a sequence of them as a list.

    Raises:
        ArgumentError: anything else.
    """
    try:
        return [index(n) for n in value] if np.ndim(value) else index(value)
    except (TypeError, ValueError):
        error = ArgumentError(
            f"{shown(value)} is neither an integer nor a sequence of them", fix="give integers"
        )
        raise located(error, operation, x) from None


def flip(x: Any, axis: Any = None) -> Tensor:
    """The elements in reverse order along axes, all by default."""
    x = as_tensor(x)
    axes = normalize_axes("flip", x, axis)
    bounds = tuple((n - 1, -1, -1) if i in axes else (0, n, 1) for i, n in enumerate(x.shape))
    return strided_slice(x, bounds=bounds)


def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """The elements moved along axes, those that fall off coming in at the other end; flattened for
    ``axis=None``.

    Raises:
        ArgumentError: shifts that are not integers, or not as many as axes.
    """
    moved = as_tensor(x)
    if axis is None:
        return reshape(roll(reshape(moved, -1), shift, 0), moved.shape)
    shifts = _integers("roll", moved, shift)
    shifts = shifts if isinstance(shifts, list) else [shifts]
    axes = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    if len(axes) == 1:  # several shifts of one axis add up
        shifts = [sum(shifts)]
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(shifts) != len(axes):
        error = ArgumentError(f"{len(shifts)} shifts for {len(axes)} axes", fix="give one shift per axis")
        raise located(error, "roll", moved)
    for s, a in zip(shifts, axes, strict=True):
        place = normalize_axis("roll", moved, a)
        n = moved.shape[place]
        if n and s % n:
            start = n - s % n
            moved = concatenate([cut(moved, place, start, n), cut(moved, place, 0, start)], place)
    return moved


_PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(x: Any, widths: Any, mode: str = "constant", value: float = 0.0) -> Tensor:
    """Elements added before and after each axis.

    Args:
        widths: one number for all, ``(before, after)`` for all axes, or one such pair per axis.
        mode: constant, edge, reflect, symmetric or wrap, as in NumPy.
        value: the constant.

    Raises:
        ArgumentError: an unknown mode, a value that is no number, or widths that fit neither form or are
            negative.
    """
    x = as_tensor(x)
    try:
        given = np.asarray(widths)
        pairs = np.broadcast_to(given, (x.ndim, 2)).tolist() if given.dtype.kind in "iu" else [(-1, -1)]
    except (ValueError, TypeError, OverflowError):
        pairs = [(-1, -1)]
    if not isinstance(mode, str) or mode not in _PAD_MODES or any(n < 0 for pair in pairs for n in pair):
        error = ArgumentError(
            f"cannot pad shape {x.shape} by {shown(widths)} with mode {shown(mode)}",
            fix=f"give (before, after) ≥ 0 for each of {x.ndim} axes and a mode of {', '.join(_PAD_MODES)}",
        )
        raise located(error, "pad", x)
    if not is_number(value):
        error = ArgumentError(
            f"the value {shown(value)} is not a number", fix="pad all sides with one number"
        )
        raise located(error, "pad", x)
    if mode == "constant":
        shape = tuple(n + a + b for n, (a, b) in zip(x.shape, pairs, strict=True))
        bounds = tuple((a, a + n, 1) for n, (a, _) in zip(x.shape, pairs, strict=True))
        return embed(x, shape=shape, bounds=bounds, value=float(value))
    padded: Tensor = x
    for axis, pair in enumerate(pairs):
        if any(pair):
            try:
                order = np.pad(np.arange(x.shape[axis]), pair, mode=mode)  # type: ignore[call-overload]
            except ValueError as problem:
                raise located(ShapeError(f"{problem}", fix="pad by less"), "pad", x) from None
            padded = take(padded, order, axis)
    return padded


# Repeat


def tile(x: Any, reps: Any) -> Tensor:
    """The tensor laid out again and again along each axis, as NumPy's ``tile``."""
    x = as_tensor(x)
    counts = as_shape("tile", reps)
    if any(n < 0 for n in counts):
        raise located(ArgumentError(f"reps {counts} are negative", fix="repeat 0 times or more"), "tile", x)
    rank = max(x.ndim, len(counts))
    shape = (1,) * (rank - x.ndim) + x.shape
    counts = (1,) * (rank - len(counts)) + counts
    apart = reshape(x, tuple(m for n in shape for m in (1, n)))
    whole = broadcast_to(apart, tuple(m for c, n in zip(counts, shape, strict=True) for m in (c, n)))
    return reshape(whole, tuple(c * n for c, n in zip(counts, shape, strict=True)))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element several times in a row, along an axis or of the flattened tensor.

    Args:
        repeats: one number, or one for each element along the axis.

    Raises:
        ArgumentError: negative, or neither one number nor as many as the axis has elements.
    """
    x = as_tensor(x)
    if axis is None or not x.ndim:
        x, axis = reshape(x, -1), axis or 0
    axis = normalize_axis("repeat", x, axis)
    try:
        order = np.repeat(np.arange(x.shape[axis]), np.asarray(repeats))
    except (ValueError, TypeError, OverflowError):
        error = ArgumentError(
            f"repeats {shown(repeats)} do not fit axis {axis} of size {x.shape[axis]}",
            fix="give one count, or one per element, of at least 0",
        )
        raise located(error, "repeat", x) from None
    return take(x, order, axis)
