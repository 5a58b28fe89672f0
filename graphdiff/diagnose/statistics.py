"""Statistics of tensors: reduced where the tensors lie, and fetched all at once.

Each tensor becomes one short row of numbers on its own device; the rows of all tensors are stacked there and
brought to the host in one transfer. No tensor is copied off its device; one that is on the host already is
worked out by NumPy at once, in fewer passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphdiff import context, ops
from graphdiff.backend import Backend
from graphdiff.draw import words
from graphdiff.graph import TensorSpec
from graphdiff.tensor import Tensor

_NOTHING = (0, 0, 0, math.inf, -math.inf, 0, 0, 0)  # the row of a tensor without elements


@dataclass(frozen=True)
class Statistics:
    """What the elements of a tensor are like. NaN and infinities are counted, and left out of the rest.

    Attributes:
        spec: shape and dtype.
        nan, infinite: how many elements are NaN, and how many are +∞ or −∞.
        zero: the share of elements that are zero.
        min, max, mean, std, norm: of the finite elements, std with n in the denominator; NaN where there
            are none.
        histogram: how many finite elements lie in each of equally wide bins from min to max.
    """

    spec: TensorSpec
    nan: int
    infinite: int
    zero: float
    min: float
    max: float
    mean: float
    std: float
    norm: float
    histogram: tuple[int, ...] = ()

    @property
    def finite(self) -> bool:
        return not self.nan and not self.infinite

    def __str__(self) -> str:
        bad = [f"{n:,} {what}" for n, what in ((self.nan, "NaN"), (self.infinite, "infinite")) if n]
        kept = math.isfinite(self.min)
        rest = [
            f"{words.exact(self.min, 3)} … {words.exact(self.max, 3)}",
            f"mean {words.exact(self.mean, 3)}",
            f"std {words.exact(self.std, 3)}",
            f"{100 * self.zero:.3g}% zero",
        ]
        return ", ".join(bad + rest * kept) or "no elements"


def statistics_of(tensors: Sequence[Tensor], bins: int = 0) -> list[Statistics]:
    """The statistics of each tensor, one transfer for all that live on one backend.

    Args:
        bins: how many the histogram has; none is made for 0.
    """
    away = [t for t in tensors if t.size and not _is_on_host(t)]
    rows = iter(fetched(away, lambda t: _row(t, bins)) if away else ())
    return [
        _read(t.spec, _row_on_host(t, bins) if _is_on_host(t) else next(rows) if t.size else _NOTHING)
        for t in tensors
    ]


def bad_counts(tensors: Sequence[Tensor]) -> list[tuple[int, int]]:
    """How many elements of each tensor are NaN, and how many are infinite; one transfer for all."""
    suspects = [t for t in tensors if t.dtype.is_floating and not _is_surely_finite(t)]
    rows = fetched(suspects, _bad_row) if suspects else []
    counts = {t.id: row for t, row in zip(suspects, rows, strict=True)}
    pairs = [counts.get(t.id, (0, 0)) for t in tensors]
    return [(int(nan), int(bad - nan)) for nan, bad in pairs]


def _is_surely_finite(t: Tensor) -> bool:
    """Whether the extremes of an array on the host say so, which costs far less than counting."""
    if not _is_on_host(t) or not t.size:
        return False
    with np.errstate(all="ignore"):
        return math.isfinite(t.data.min()) and math.isfinite(t.data.max())


def norms_of(tensors: Sequence[Tensor]) -> list[float]:
    """The Euclidean norm of each tensor, without overflow on the way; NaN and ∞ stay. Those on the host are
    worked out there, and all others are fetched in one transfer."""
    away = [t for t in tensors if t.size and not _is_on_host(t)]
    rows = iter(fetched(away, _norm_row) if away else ())
    return [
        words.length_of(np.asarray(t.data)) if _is_on_host(t) else next(rows)[0] if t.size else 0.0
        for t in tensors
    ]


def _is_on_host(t: Tensor) -> bool:
    return isinstance(t.data, (np.ndarray, np.generic))


def _norm_row(t: Tensor) -> Tensor:
    x = ops.reshape(ops.cast(t, "float64"), -1)
    largest = ops.maximum(ops.abs(ops.min(x)), ops.abs(ops.max(x)))
    usual = ops.logical_and(ops.isfinite(largest), largest > 0.0)
    scale = ops.where(usual, largest, 1.0)
    return ops.stack([ops.where(usual, scale * ops.sqrt(ops.sum(ops.square(x / scale))), largest)])


def fetched(tensors: Sequence[Tensor], row: Callable[[Tensor], Tensor]) -> list[Sequence[float]]:
    """The row of each tensor, on the host."""
    places: dict[Backend, list[int]] = {}
    for k, t in enumerate(tensors):
        places.setdefault(t.backend, []).append(k)
    found: dict[int, Sequence[float]] = {}
    with context.apart(), context.no_grad():
        for where in places.values():
            table = ops.stack([row(tensors[k]) for k in where]).numpy().tolist()
            found |= zip(where, table, strict=True)
    return [found[k] for k in range(len(tensors))]


def _bad_row(t: Tensor) -> Tensor:
    return ops.stack([ops.sum(ops.isnan(t)), ops.sum(ops.logical_not(ops.isfinite(t)))])


def _row(t: Tensor, bins: int) -> Tensor:
    """What :class:`Statistics` holds, as float64 on the tensor's device.

    Elements are divided by the largest before they are squared and summed, so that nothing overflows.
    """
    x = ops.reshape(ops.cast(t, "float64"), -1)
    finite = ops.isfinite(x)
    low, high = ops.min(ops.where(finite, x, math.inf)), ops.max(ops.where(finite, x, -math.inf))
    kept, count = ops.where(finite, x, 0.0), ops.cast(ops.sum(finite), "float64")
    largest = ops.maximum(ops.abs(ops.min(kept)), ops.abs(ops.max(kept)))
    scale = ops.where(largest > 0.0, largest, 1.0)
    scaled = kept / scale
    mean = ops.sum(scaled) / count
    deviations = ops.where(finite, scaled - mean, 0.0)
    facts = [
        *(ops.cast(ops.sum(flags), "float64") for flags in (ops.isnan(x), ops.logical_not(finite), x == 0.0)),
        low,
        high,
        scale * mean,
        scale * ops.sqrt(ops.sum(ops.square(deviations)) / count),
        scale * ops.sqrt(ops.sum(ops.square(scaled))),
    ]
    head = ops.stack(facts)
    return ops.concatenate([head, _histogram(kept, finite, low, high, bins)]) if bins else head


def _histogram(x: Tensor, finite: Tensor, low: Tensor, high: Tensor, bins: int) -> Tensor:
    # Halved before they are subtracted: the largest float minus the smallest would overflow.
    width = high * 0.5 - low * 0.5
    place = (x * 0.5 - low * 0.5) / ops.where(width > 0.0, width, 1.0) * float(bins)
    place = ops.where(finite, ops.clip(ops.floor(place), 0, bins - 1), -1.0)
    return ops.stack([ops.cast(ops.sum(place == float(k)), "float64") for k in range(bins)])


def _row_on_host(t: Tensor, bins: int) -> Sequence[float]:
    """The same as :func:`_row`, in place where it can be."""
    values = np.asarray(t.data).ravel()
    if not values.size:
        return _NOTHING
    zeros = float(values.size - np.count_nonzero(values))
    counts: list[float] = [0, 0, zeros]
    if not _is_surely_finite(t):
        finite = np.isfinite(values)
        bad = values.size - np.count_nonzero(finite)
        counts = [float(np.count_nonzero(np.isnan(values))), float(bad), zeros]
        values = values[finite]
    if not values.size:
        return [*counts, math.inf, -math.inf, 0.0, 0.0, 0.0, *[0] * bins]
    x = values.astype(np.float64)
    low, high = float(x.min()), float(x.max())
    scale = max(-low, high) or 1.0
    x /= scale
    mean, square = float(x.mean()), float(np.dot(x, x))
    histogram = _counts(x, low / scale, high / scale, bins) if bins else ()
    x -= mean
    deviation = math.sqrt(float(np.dot(x, x)) / x.size)
    return [*counts, low, high, scale * mean, scale * deviation, scale * math.sqrt(square), *histogram]


def _counts(x: np.ndarray[Any, Any], low: float, high: float, bins: int) -> Sequence[float]:
    place = (x - low) * (bins / (high - low or 1.0))
    found: list[float] = np.bincount(np.minimum(place.astype(np.int64), bins - 1), minlength=bins).tolist()
    return found


def _read(spec: TensorSpec, row: Sequence[float]) -> Statistics:
    nan, bad, zeros, low, high, *rest = row
    mean, std, norm = rest[:3] if math.isfinite(low) else (math.nan,) * 3
    low, high = (low, high) if math.isfinite(low) else (math.nan, math.nan)
    share = zeros / spec.size if spec.size else 0.0
    bins = tuple(map(int, rest[3:]))
    return Statistics(spec, int(nan), int(bad - nan), share, low, high, mean, std, norm, bins)
