"""What is known about an array, noted on it by eager kernels for others that ask later in the same step.

A note lives as long as the array, and holds until the array is written to. Compiled programs take no notes:
torch does not count what they write.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

Array = Any
_NOTES = "graphdiff_notes"


def note(x: Array, what: Hashable, value: Any) -> None:
    if not x.is_inference():  # of which torch counts nothing
        x.__dict__.setdefault(_NOTES, {})[what] = (x._version, value)


def noted(x: Array, what: Hashable) -> Any:
    """What was noted; ``None`` if nothing was, or the array has been written to since."""
    found = x.__dict__.get(_NOTES, {}).get(what)
    return found[1] if found and found[0] == x._version else None


def has_notes(x: Array) -> bool:
    return _NOTES in x.__dict__
