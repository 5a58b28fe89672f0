"""How arrays lie in memory, and memory for results that are handed out, used again once nobody holds them."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = np.ndarray[Any, Any]
_KEPT = 2  # a training step reads the parameters handed out last, and writes those before


class Layout(NamedTuple):
    """A dense array: its axes in ``order`` of falling strides."""

    shape: tuple[int, ...]
    dtype: Any
    order: tuple[int, ...]

    @classmethod
    def of(cls, array: Array) -> Layout:
        """That of an array, or of one like it without gaps."""
        strides = array.strides
        return cls(array.shape, array.dtype, tuple(sorted(range(array.ndim), key=lambda a: -abs(strides[a]))))

    def empty(self) -> Array:
        """A new array that owns its memory, its values whatever they were."""
        strides = dict.fromkeys(self.order, 0)
        step = self.dtype.itemsize
        for axis in reversed(self.order):
            strides[axis] = step
            step *= self.shape[axis]
        lead = np.empty(1, self.dtype)
        return np.empty_like(as_strided(lead, self.shape, [strides[a] for a in range(len(self.shape))]))


class Lent:
    """Arrays of one layout, lent to the outside.

    A call gives an array that nobody but this object refers to, no view included, for a view refers to the
    array it looks into. So a result that somebody holds is never written again.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._arrays: list[Array] = []

    def __call__(self) -> Array:
        for k in range(len(self._arrays)):
            if sys.getrefcount(self._arrays[k]) == _ALONE:
                return self._arrays[k]
        fresh = self._layout.empty()
        self._arrays = [*self._arrays[1 - _KEPT :], fresh]
        return fresh


def _references() -> int:
    """What ``sys.getrefcount`` counts in :class:`Lent` for an array that nobody else refers to; Python's
    versions differ in it."""
    arrays = [np.empty(0)]
    return sys.getrefcount(arrays[0])


_ALONE = _references()
