"""Indexing by tensors: reading, adding, writing.

A key is taken apart once per template and shape into what torch does alike: a forward view, the index
tensor of each of its axes, and the axes that a negative step turns round.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from graphdiff.kernels import Kernels
from graphdiff_torch.kernels.shape import forwards

Array = Any
Template = tuple[Any, ...]
_REMEMBERED = 4096


class _Plan(NamedTuple):
    """A key for one shape.

    Attributes:
        view: slices with positive steps, and ``None`` for new axes.
        slots: for each axis of that view the number of its index tensor, or ``None``.
        flipped: which of the axes without an index tensor, counted among themselves, run backwards.
        place: how many of those axes stand before the axes of the index tensors in the result.
    """

    view: tuple[slice | None, ...]
    slots: tuple[int | None, ...]
    flipped: tuple[int, ...]
    place: int

    def turned(self, x: Array, index: Sequence[Array]) -> Array:
        """What was taken, or is to be put, with the backward axes the other way round."""
        if not self.flipped:
            return x
        rank = max((i.ndim for i in index), default=0)
        return x.flip([k if k < self.place else k + rank for k in self.flipped])

    def take(self, x: Array, index: Sequence[Array]) -> Array:
        view = x[self.view]
        return torch.ops.aten.index.Tensor(view, self._filled(index)) if index else view

    def put(self, out: Array, values: Array, index: Sequence[Array], accumulate: bool) -> None:
        view = out[self.view]
        if index:
            torch.ops.aten.index_put_(view, self._filled(index), values, accumulate)
        elif accumulate:
            view += values
        else:
            view.copy_(values)

    def _filled(self, index: Sequence[Array]) -> list[Array | None]:
        return [None if slot is None else index[slot] for slot in self.slots]


@lru_cache(_REMEMBERED)
def _plan(template: Template, shape: tuple[int, ...]) -> _Plan:
    used = sum(entry is not Ellipsis and entry is not None for entry in template)
    if Ellipsis not in template:
        template = (*template, Ellipsis)
    dots = template.index(Ellipsis)
    template = (*template[:dots], *[(None, None, None)] * (len(shape) - used), *template[dots + 1 :])
    view: list[slice | None] = []
    slots: list[int | None] = []
    flipped: list[int] = []
    sizes = iter(shape)
    for entry in template:
        if entry is None:
            view.append(None)
        elif isinstance(entry, int):
            next(sizes)
            view.append(slice(None))
        else:
            bounds = slice(*entry).indices(next(sizes))
            if bounds[2] < 0:
                flipped.append(slots.count(None))
            view.append(forwards(*bounds))
        slots.append(entry if isinstance(entry, int) else None)
    spots = [k for k, slot in enumerate(slots) if slot is not None]
    together = bool(spots) and spots[-1] - spots[0] == len(spots) - 1
    return _Plan(tuple(view), tuple(slots), tuple(flipped), spots[0] if together else 0)


def _whole(index: Sequence[Array]) -> list[Array]:
    # torch takes uint8 for a mask and knows no index of other small integers.
    return [i if i.dtype is torch.int64 else i.to(torch.int64) for i in index]


def _index(x: Array, *index: Array, key: Template) -> Array:
    plan, places = _plan(key, x.shape), _whole(index)
    return plan.turned(plan.take(x, places), places)


def _scatter_add(x: Array, values: Array, *index: Array, key: Template) -> Array:
    plan, places = _plan(key, x.shape), _whole(index)
    out = x.clone(memory_format=torch.contiguous_format)
    plan.put(out, plan.turned(values, places), places, accumulate=True)
    return out


def _index_update(x: Array, values: Array, *index: Array, key: Template) -> Array:
    """The last value given to a spot stays; torch leaves open which one does, so it is told."""
    plan, places = _plan(key, x.shape), _whole(index)
    out = x.clone(memory_format=torch.contiguous_format)
    if all(i.numel() == 1 for i in places):
        plan.put(out, plan.turned(values, places), places, accumulate=False)
        return out
    if not values.numel():
        return out
    numbers = torch.arange(x.numel(), device=x.device).view(x.shape)
    spots = plan.turned(plan.take(numbers, places), places).reshape(-1)
    order = torch.arange(spots.numel(), device=x.device)
    last = torch.zeros(x.numel(), dtype=torch.int64, device=x.device)
    last.scatter_reduce_(0, spots, order, "amax")
    # Every entry of a spot now carries the same value, so it does not matter which is written last.
    out.view(-1).scatter_(0, spots, values.reshape(-1)[last[spots]])
    return out


INDEXING: Kernels = {
    "index": _index,
    "scatter_add": _scatter_add,
    "index_update": _index_update,
}
