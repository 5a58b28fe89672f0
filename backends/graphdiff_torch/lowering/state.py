"""State that a program changes in place.

A program may write over a cell's old value if nobody can tell: the value was made here, by an earlier call,
and neither its tensor nor its memory is held by anyone but the cell. Otherwise it works on a copy.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from typing import Any

import torch

from graphdiff_torch.kernels.notes import has_notes

Array = Any
# The cell, the list of arguments, its copy here, and the stack.
_UNHELD_TENSOR = 4
# The tensor and the look at it.
_UNHELD_MEMORY = 2


class State:
    """The values that calls of one program write over.

    Args:
        places: place among the arguments -> memory format that the value is to have.
    """

    def __init__(self, places: Mapping[int, torch.memory_format]) -> None:
        self._places = places
        self._made: dict[int, weakref.ref[Array]] = {}

    def taken(self, arguments: list[Array]) -> None:
        """Put into the arguments what may be written over."""
        for k, layout in self._places.items():
            made = self._made.get(k)
            if (
                made is None
                or made() is not arguments[k]
                or sys.getrefcount(arguments[k]) > _UNHELD_TENSOR
                or has_notes(arguments[k])  # which would not be true any more
                or torch._C._storage_Use_Count(arguments[k].untyped_storage()._cdata) > _UNHELD_MEMORY
            ):
                arguments[k] = arguments[k].clone(memory_format=layout)
                self._made[k] = weakref.ref(arguments[k])
