"""Memory for results that are handed out, used again once nobody holds them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_KEPT = 2  # a training step reads the parameters handed out last, and writes those before


class Lent:
    """Arrays of one layout, lent to the outside.

    A call gives an array that nobody but this object refers to, no view included, for a view refers to the
    array it looks into. So a result that somebody holds is never written again.
    """

    def __init__(self, like: Array) -> None:
        self._arrays = [np.empty_like(like)]

    def __call__(self) -> Array:
        for k in range(len(self._arrays)):
            if sys.getrefcount(self._arrays[k]) == _ALONE:
                return self._arrays[k]
        fresh = np.empty_like(self._arrays[-1])
        self._arrays = [*self._arrays[1 - _KEPT :], fresh]
        return fresh


def _references() -> int:
    """What ``sys.getrefcount`` counts in :class:`Lent` for an array that nobody else refers to; Python's
    versions differ in it."""
    arrays = [np.empty(0)]
    return sys.getrefcount(arrays[0])


_ALONE = _references()
