"""What a page says of an array: its elements where they are few, norm, spread and histogram.

Everything here becomes JSON. A number that JSON has no word for, NaN or an infinity, is written as text.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphdiff.diagnose import states
from graphdiff.draw import words
from graphdiff.draw.subject import Array

JSON = dict[str, Any]

MOST_PRINTED = 16
"""A tensor of at most this many elements is printed in full."""

_BINS = 16
_MOST_COUNTED = 1 << 18  # elements of a tensor that has a histogram
_LARGE = 1e12


def statistics(values: Array | None) -> JSON | None:
    """Text, norm and spread of an array: all that is said of it in a page."""
    if values is None:
        return None
    if values.dtype.kind == "b" or not values.size:
        return {"text": _printed(values) or words.shape(values.shape)}
    norm = words.length_of(values)
    found: JSON = {
        "text": _printed(values) or f"{words.shape(values.shape)}  ‖·‖ {words.norm(norm)}",
        "norm": _number(norm),
    }
    if values.size == 1:
        found["exact"] = words.exact(values.ravel()[0])
    elif values.dtype.kind == "f":
        found |= _spread(values, norm)
    return found


def state_of(gradient: JSON | None) -> str:
    """What is the matter with a gradient of such statistics, in a word; "" where nothing is."""
    state = states.of_norm(float(gradient["norm"])) if gradient and "norm" in gradient else "fine"
    return "" if state == "fine" else state


def _printed(values: Array) -> str:
    """Every element where they are few, else ""."""
    return words.listed(values) if 0 < values.size <= MOST_PRINTED else ""


def _spread(values: Array, norm: float) -> JSON:
    """Of the finite elements; the count of the others, where there are any."""
    finite = values if math.isfinite(norm) else values[np.isfinite(values)]
    found: JSON = {"bad": values.size - finite.size} if finite.size < values.size else {}
    if not finite.size:
        return found
    low, high = float(finite.min()), float(finite.max())
    scale = max(1.0, -low / _LARGE, high / _LARGE)  # so that no sum overflows
    mean = scale * float((finite if scale == 1.0 else finite / scale).mean(dtype=np.float64))
    if finite is not values:
        norm = words.length_of(finite)
    found |= {
        "min": _number(low),
        "max": _number(high),
        "mean": _number(mean),
        "std": _number(_deviation(norm / math.sqrt(finite.size), mean)),
        "zeros": round(1 - np.count_nonzero(finite) / finite.size, 3),
    }
    if 1 < finite.size <= _MOST_COUNTED and low < high:
        found["bins"] = _histogram(finite.astype(np.float64), low, high)
    return found


def _deviation(root_mean_square: float, mean: float) -> float:
    """The standard deviation; without a pass over the elements, and without squares that overflow."""
    rest = max(0.0, root_mean_square - abs(mean))
    return math.sqrt(rest) * math.sqrt(root_mean_square + abs(mean))


def _histogram(values: Array, low: float, high: float) -> list[int]:
    """How many elements lie in each of equally wide bins from the least to the greatest."""
    place = (values * 0.5 - low * 0.5) / (high * 0.5 - low * 0.5) * _BINS  # halves do not overflow
    bins = np.minimum(place.astype(int), _BINS - 1).ravel()
    counts: list[int] = np.bincount(bins, minlength=_BINS).tolist()
    return counts


def _number(value: Any) -> float | str:
    """Four digits that count, or the name that JavaScript has for what is no number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    rounded = float(f"{value:.4g}")
    return rounded if math.isfinite(rounded) else float(value)
