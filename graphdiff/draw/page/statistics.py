"""What a page says of tensors: their elements where they are few, norm, spread and histogram.

Everything here becomes JSON. A number that JSON has no word for, NaN or an infinity, is written as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from graphdiff.diagnose import states
from graphdiff.diagnose.statistics import Statistics, statistics_of
from graphdiff.draw import words
from graphdiff.graph import Shape
from graphdiff.tensor import Tensor

JSON = dict[str, Any]

MOST_PRINTED = 16
"""A tensor of at most this many elements is printed in full."""

_BINS = 16
_MOST_COUNTED = 1 << 18  # elements of a tensor that has a histogram


class Facts:
    """The statistics of some tensors, worked out where they lie; few transfers for all together."""

    def __init__(self, tensors: Iterable[Tensor | None]) -> None:
        known = {t.id: t for t in tensors if t is not None and t.data is not None}
        self._found: dict[int, Statistics] = {}
        for counted in (False, True):
            some = [t for t in known.values() if (t.size <= _MOST_COUNTED) is counted]
            found = statistics_of(some, _BINS if counted else 0)
            self._found |= {t.id: facts for t, facts in zip(some, found, strict=True)}

    def of(self, t: Tensor | None, shape: Shape | None = None) -> JSON | None:
        """All that is said of a tensor, shown in a shape with the same elements."""
        if t is None or t.id not in self._found:
            return None
        facts = self._found[t.id]
        shape = t.shape if shape is None else shape
        printed = words.listed(t.numpy().reshape(shape)) if 0 < t.size <= MOST_PRINTED else ""
        if t.dtype == "bool" or not t.size:
            return {"text": printed or words.shape(shape)}
        norm = math.nan if facts.nan else math.inf if facts.infinite else facts.norm
        found: JSON = {
            "text": printed or f"{words.shape(shape)}  ‖·‖ {words.norm(norm)}",
            "norm": _number(norm),
        }
        if t.size == 1:
            found["exact"] = words.exact(t.numpy().ravel()[0])
        elif t.dtype.is_floating:
            found |= _spread(facts)
        return found


def state_of(gradient: JSON | None) -> str:
    """What is the matter with a gradient of such statistics, in a word; "" where nothing is."""
    state = states.of_norm(float(gradient["norm"])) if gradient and "norm" in gradient else "fine"
    return "" if state == "fine" else state


def _spread(facts: Statistics) -> JSON:
    """Of the finite elements; the count of the others, where there are any."""
    found: JSON = {} if facts.finite else {"bad": facts.nan + facts.infinite}
    if not math.isfinite(facts.min):
        return found
    found |= {name: _number(getattr(facts, name)) for name in ("min", "max", "mean", "std")}
    found["zeros"] = round(facts.zero, 3)
    if facts.histogram and facts.min < facts.max:
        found["bins"] = list(facts.histogram)
    return found


def _number(value: float) -> float | str:
    """Four digits that count, or the name that JavaScript has for what is no number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    rounded = float(f"{value:.4g}")
    return rounded if math.isfinite(rounded) else float(value)
