"""Rates along half waves of the cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphdiff.arguments import check_fields
from graphdiff.train import Schedule, check_schedule


def _between(start: float, end: float, share: float) -> float:
    """From start (share 0) to end (share 1) along half a wave."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Cosine(Schedule):
    """From lr down to ``minimum`` in ``steps``, and no further (Loshchilov and Hutter 2017, equation 5)."""

    lr: float
    steps: int
    minimum: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_schedule(self, self.lr >= self.minimum >= 0 < self.lr and self.steps >= 1)

    def __call__(self, n: int, metric: float | None = None) -> float:
        return _between(self.lr, self.minimum, min(n / self.steps, 1.0))


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """:class:`Cosine` again and again, each time ``factor`` times as long (Loshchilov and Hutter 2017,
    section 3)."""

    lr: float
    steps: int
    factor: int = 1
    minimum: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        sound = self.lr >= self.minimum >= 0 < self.lr and min(self.steps, self.factor) >= 1
        check_schedule(self, sound)

    def __call__(self, n: int, metric: float | None = None) -> float:
        length = self.steps
        while self.factor > 1 and n >= length:
            n, length = n - length, length * self.factor
        return _between(self.lr, self.minimum, n % length / length)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to lr, then far down, once in ``steps`` (Smith and Topin 2018; shaped as in torch).

    Args:
        lr: the largest rate.
        steps: of the whole cycle, at least 2.
        rise: the share of it that goes up, between 0 and 1.
        start: the rate begins at lr / start.
        end: and ends at lr / start / end, where it stays.
    """

    lr: float
    steps: int
    rise: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __post_init__(self) -> None:
        check_fields(self)
        sound = self.steps >= 2 and 0 < self.rise < 1 and min(self.lr, self.start, self.end) > 0
        check_schedule(self, sound and self.rise * self.steps > 1)

    def __call__(self, n: int, metric: float | None = None) -> float:
        top, last, first = self.rise * self.steps - 1, self.steps - 1, self.lr / self.start
        if n <= top:
            return _between(first, self.lr, n / top)
        return _between(self.lr, first / self.end, min((n - top) / (last - top), 1.0))
