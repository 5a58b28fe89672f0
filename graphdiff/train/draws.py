"""Random numbers for augmentation that belong to an example, not to its batch."""

from __future__ import annotations

import numpy as np

from graphdiff.arguments import check_kind, shown
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.philox import philox, signed
from graphdiff.train.data import Array

_WORDS = 1 << 64
_FOUR = 4  # numbers that a block gives


class Draws:
    """A stream of random numbers for every example of a batch.

    The k-th numbers of an example are a function of ``seed``, ``epoch``, the example's ``index`` in its data
    set, and k: which other examples share the batch, and on which worker, changes nothing. They are blocks of
    Philox (:mod:`graphdiff.philox`): the key is seed and epoch, the counter index and k.

    Args:
        seed, epoch: 0 … 2⁶⁴ − 1.
        indices: (n,) integers from 0, the place of each example in its data set.

    Raises:
        ArgumentError: a seed, an epoch or an index that is none. ShapeError: indices that are no row.
    """

    def __init__(self, seed: int, epoch: int, indices: Array) -> None:
        for name, value in (("seed", seed), ("epoch", epoch)):
            if not isinstance(value, (int, np.integer)) or not 0 <= value < _WORDS:
                raise ArgumentError(f"{name}={shown(value)}", fix="give an integer from 0 to 2⁶⁴ − 1")
        check_kind("indices", indices, np.ndarray, "give one integer for each example")
        if indices.ndim != 1:
            raise ShapeError(f"indices of shape {indices.shape}", fix="give one index per example")
        if indices.dtype.kind not in "iu" or (indices < 0).any():
            raise ArgumentError(f"indices of {indices.dtype}, some below 0", fix="give integers from 0")
        self._key = _word(seed), _word(epoch)
        self._indices, self._blocks = indices.astype(np.int64), 0

    def fork(self, number: int) -> Draws:
        """Streams of their own, a different one for every number: for the parts of a composed transform."""
        made = Draws.__new__(Draws)
        zero = _word(0)
        left, right, *_ = philox((_word(number), zero, zero, _word(1)), self._key)
        made._key, made._indices, made._blocks = (left, right), self._indices, 0
        return made

    def uniform(self, low: float = 0.0, high: float = 1.0, count: int = 1) -> Array:
        """The next numbers, low ≤ number < high (low itself where they are equal): (count, n) float64."""
        blocks = np.arange(self._blocks, self._blocks - (-count // _FOUR))[:, None]
        self._blocks += len(blocks)
        zero = _word(0)
        words = np.stack(philox((self._indices, blocks, zero, zero), self._key), axis=1)
        drawn = words.reshape(_FOUR * len(blocks), len(self))[:count].view(np.uint64) >> np.uint64(11)
        return low + (high - low) * (drawn * 2.0**-53)

    def integers(self, bound: int, count: int = 1) -> Array:
        """The next integers, 0 ≤ integer < bound: (count, n) int64."""
        return (self.uniform(count=count) * bound).astype(np.int64)

    def __len__(self) -> int:
        return len(self._indices)


def _word(value: int) -> Array:
    return np.array([signed(int(value))])
