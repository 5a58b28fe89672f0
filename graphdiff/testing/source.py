"""Where the inputs of a check come from.

A primitive says which inputs suit it by asking a :class:`Source` for them (``Primitive.samples``). The
same request is answered at random (:class:`RandomSource`, reproducible by its seed) or by Hypothesis
(:class:`graphdiff.testing.strategies.HypothesisSource`, which shrinks what fails).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
T = TypeVar("T")

STEPS = 8
"""Grid points per unit: values are ``(k + offset) / STEPS`` for integers k."""

_ONE_IN_EMPTY = 8  # where empty axes are allowed, this share of the shapes has one


class Source(ABC):
    """Draws shapes, arrays and choices. A source of one's own defines the three abstract methods.

    Every method gives simple answers for small integers, so that a source that draws smaller integers
    draws simpler examples.
    """

    @abstractmethod
    def integer(self, low: int, high: int) -> int:
        """An integer, both bounds included."""

    @abstractmethod
    def sequence(self, count: int, low: int, high: int) -> list[int]:
        """``count`` integers, both bounds included."""

    @abstractmethod
    def permutation(self, n: int) -> tuple[int, ...]:
        """The integers 0 … n − 1 in some order."""

    # Choices

    def boolean(self) -> bool:
        return bool(self.integer(0, 1))

    def choice(self, options: Sequence[T]) -> T:
        """One of the options; the first is the simplest."""
        return options[self.integer(0, len(options) - 1)]

    def axis(self, ndim: int) -> int:
        """An axis of ``ndim`` ≥ 1, counted from the front."""
        return self.integer(0, ndim - 1)

    def axes(self, ndim: int) -> tuple[int, ...]:
        """Distinct axes in order, counted from the front; possibly none."""
        return tuple(i for i in range(ndim) if self.boolean())

    # Shapes

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> Shape:
        """A shape; where ``min_side`` is 0, now and then one axis is empty."""
        rank = self.integer(min_dims, max_dims)
        sides = self.sequence(rank, min(max(1, min_side), max_side), max_side)
        if rank and min_side == 0 and self.integer(0, _ONE_IN_EMPTY - 1) == _ONE_IN_EMPTY - 1:
            sides[self.axis(rank)] = 0
        return tuple(sides)

    def broadcastable(self, n: int) -> list[Shape]:
        """``n`` shapes that broadcast together: some lack leading axes, some have 1 where others stretch."""
        whole = self.shape()
        return [self._stretching_to(whole) for _ in range(n)]

    def _stretching_to(self, whole: Shape) -> Shape:
        dropped = self.integer(0, len(whole)) if self.boolean() else 0
        kept = whole[dropped:]
        if not self.boolean():
            return kept
        ones = self.sequence(len(kept), 0, 1)
        return tuple(1 if one else side for one, side in zip(ones, kept, strict=True))

    # Arrays

    def array(self, shape: Shape, low: float = -2.0, high: float = 2.0, offset: float = 0.4) -> Array:
        """float64 values between ``low`` and ``high`` on the grid ``(k + offset) / 8``.

        With 0 < ``offset`` < 1 no value is 0 or an integer, so none lies on a kink, and arrays of
        different offsets are nowhere equal. The distance to what is avoided is at least
        ``min(offset, 1 − offset) / 8``, or ``|offset₁ − offset₂| / 8``.
        """
        first, last = math.ceil(low * STEPS - offset), math.floor(high * STEPS - offset)
        return self._on_grid(self.sequence(math.prod(shape), first, last), offset, shape)

    def distinct(self, shape: Shape) -> Array:
        """float64 values on the same grid, centred on 0, no two of them equal or closer than 1/8."""
        order = self.permutation(math.prod(shape))
        return self._on_grid([k - len(order) // 2 for k in order], 0.4, shape)

    def integers(self, shape: Shape, low: int, high: int) -> Array:
        """An int64 array, both bounds included."""
        return np.array(self.sequence(math.prod(shape), low, high), np.int64).reshape(shape)

    def _on_grid(self, numbers: Sequence[int], offset: float, shape: Shape) -> Array:
        return ((np.array(numbers, np.float64) + offset) / STEPS).reshape(shape)


class RandomSource(Source):
    """Draws at random; equal seeds draw equal examples."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self._rng.integers(low, high, endpoint=True))

    def sequence(self, count: int, low: int, high: int) -> list[int]:
        return [int(n) for n in self._rng.integers(low, high, size=count, endpoint=True)]

    def permutation(self, n: int) -> tuple[int, ...]:
        return tuple(int(i) for i in self._rng.permutation(n))

    def __repr__(self) -> str:
        return f"RandomSource({self.seed})"
