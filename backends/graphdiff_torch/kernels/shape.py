"""Shapes, joins and cuts. torch steps forwards only, so what steps backwards is cut forwards and flipped."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from graphdiff.kernels import Kernels
from graphdiff_torch.arrays import TORCH

Array = Any
Bounds = tuple[tuple[int, int, int], ...]
_REMEMBERED = 4096


def forwards(start: int, stop: int, step: int) -> slice:
    """The same elements as ``range(start, stop, step)``, in rising order."""
    count = len(range(start, stop, step))
    if count == 0:
        return slice(0, 0)
    last = start + (count - 1) * step
    return slice(min(start, last), max(start, last) + 1, abs(step))


@lru_cache(_REMEMBERED)
def _cut(bounds: Bounds) -> tuple[tuple[slice, ...], tuple[int, ...]]:
    """Slices, and the axes to flip afterwards."""
    return tuple(forwards(*b) for b in bounds), tuple(a for a, b in enumerate(bounds) if b[2] < 0)


def _slice(x: Array, bounds: Bounds) -> Array:
    key, flipped = _cut(bounds)
    return x[key].flip(flipped) if flipped else x[key]


def _embed(x: Array, shape: tuple[int, ...], bounds: Bounds, value: float) -> Array:
    key, flipped = _cut(bounds)
    out = torch.full(shape, value, dtype=x.dtype, device=x.device)
    out[key] = x.flip(flipped) if flipped else x
    return out


SHAPES: Kernels = {
    "cast": lambda x, dtype: x.to(TORCH[dtype]),
    "slice": _slice,
    "embed": _embed,
}
