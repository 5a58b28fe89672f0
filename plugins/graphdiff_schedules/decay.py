"""Rates that stay, or fall by factors."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from graphdiff.arguments import check_fields, check_integers, check_kind
from graphdiff.train import Schedule, check_schedule


def _scaled(lr: float, factor: float, times: int) -> float:
    """lr · factorᵗ, infinite where that is too large for a number."""
    try:
        return lr * factor**times
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class Constant(Schedule):
    """Always lr."""

    lr: float

    def __post_init__(self) -> None:
        check_fields(self)
        check_schedule(self, self.lr > 0)

    def __call__(self, n: int, metric: float | None = None) -> float:
        return self.lr


@dataclass(frozen=True)
class Step(Schedule):
    """lr, multiplied by ``factor`` after ``every`` so many steps."""

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_fields(self)
        check_schedule(self, self.lr > 0 and self.every >= 1 and self.factor > 0)

    def __call__(self, n: int, metric: float | None = None) -> float:
        return _scaled(self.lr, self.factor, n // self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """lr, multiplied by ``factor`` at each of the ``milestones``, which rise."""

    lr: float
    milestones: Sequence[int]
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_fields(self)
        check_kind("milestones", self.milestones, (tuple, list), "give a list of numbers of steps")
        for milestone in self.milestones:
            check_integers(milestones=milestone)
        rising = list(self.milestones) == sorted(self.milestones)
        check_schedule(self, self.lr > 0 and rising and self.factor > 0)

    def __call__(self, n: int, metric: float | None = None) -> float:
        return _scaled(self.lr, self.factor, bisect_right(self.milestones, n))


@dataclass(frozen=True)
class Exponential(Schedule):
    """lr · factorⁿ."""

    lr: float
    factor: float

    def __post_init__(self) -> None:
        check_fields(self)
        check_schedule(self, self.lr > 0 and self.factor > 0)

    def __call__(self, n: int, metric: float | None = None) -> float:
        return _scaled(self.lr, self.factor, n)
