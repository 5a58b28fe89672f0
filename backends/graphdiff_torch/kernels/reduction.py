"""Reductions and scans. For torch an empty tuple of axes means all of them; here it means none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from graphdiff.kernels import Kernels

Array = Any
Axes = tuple[int, ...]
_UNSIGNED = (torch.uint8, torch.uint16, torch.uint32, torch.uint64)


def _widened(x: Array, reduced: Array) -> Array:
    """Counts of unsigned integers as uint64: 64 bits hold the same sum whatever their sign is."""
    return reduced.to(torch.uint64) if x.dtype in _UNSIGNED else reduced


def _sum(x: Array, axes: Axes, keepdims: bool) -> Array:
    if x.is_floating_point():
        return torch.sum(x, axes, keepdims) if axes else x
    wide = x.to(torch.int64)
    return _widened(x, torch.sum(wide, axes, keepdims) if axes else wide)


def _prod(x: Array, axes: Axes, keepdims: bool) -> Array:
    dtype = x.dtype
    if dtype is torch.uint64:  # as for sums
        x = x.to(torch.int64)
    for axis in reversed(axes):
        x = torch.prod(x, axis, keepdims, dtype=x.dtype)
    return x.to(dtype)


def _cumsum(x: Array, axis: int, reverse: bool) -> Array:
    wide = x if x.is_floating_point() else x.to(torch.int64)
    if reverse:
        return _widened(x, torch.cumsum(wide.flip(axis), axis).flip(axis))
    return _widened(x, torch.cumsum(wide, axis))


def _along(reduce: Callable[..., Array], of_one: Callable[[Array], Array]) -> Callable[..., Array]:
    """A torch reduction; ``of_one`` is what it makes of every element alone."""
    return lambda x, axes, keepdims: reduce(x, axes, keepdims) if axes else of_one(x)


def _moment(reduce: Callable[..., Array]) -> Callable[..., Array]:
    def run(x: Array, axes: Axes, ddof: int, keepdims: bool) -> Array:
        if not axes:  # one element alone: 0 in place of a finite one
            return (x - x) / (1 - ddof)
        if not x.numel():  # nothing, or NaN; torch would warn of each
            return torch.mean(x, axes, keepdim=keepdims)
        return reduce(x, axes, correction=ddof, keepdim=keepdims)

    return run


def _arg(find: Callable[..., Array]) -> Callable[..., Array]:
    def run(x: Array, axis: int, keepdims: bool) -> Array:
        return find(x.to(torch.uint8) if x.dtype is torch.bool else x, axis, keepdims)

    return run


def _norm(x: Array, axes: Axes, keepdims: bool) -> Array:
    return torch.linalg.vector_norm(x, 2, axes, keepdims) if axes else torch.abs(x)


REDUCTIONS: Kernels = {
    "sum": _sum,
    "prod": _prod,
    "max": _along(torch.amax, lambda x: x),
    "min": _along(torch.amin, lambda x: x),
    "argmax": _arg(torch.argmax),
    "argmin": _arg(torch.argmin),
    "cumsum": _cumsum,
    "mean": _along(torch.mean, lambda x: x),
    "var": _moment(torch.var),
    "std": _moment(torch.std),
    "norm": _norm,
    "logsumexp": _along(torch.logsumexp, lambda x: x),
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
}
