"""DLPack: arrays handed to and taken from other libraries without a copy where that is safe."""

from __future__ import annotations

from typing import Any

from graphdiff.leaf import leaf
from graphdiff.tensor import Tensor


def export(t: Tensor, **options: Any) -> Any:
    """The capsule of a copy of a tensor's values: the consumer may write, and a tensor never changes. Strides
    below zero and read-only memory, which not every consumer accepts, are gone from the copy too.
    """
    data = t.backend.asarray(t._value("DLPack"), copy=True)
    options.pop("copy", None)
    return data.__dlpack__(**options)


def from_dlpack(array: Any) -> Tensor:
    """A constant with the values of any array that speaks DLPack, copied.

    Raises:
        ArgumentError: an object that speaks no DLPack.
    """
    from graphdiff.errors import ArgumentError

    if not hasattr(array, "__dlpack__"):
        raise ArgumentError(f"{type(array).__name__} has no __dlpack__", fix="use graphdiff.tensor(...)")
    return leaf(array, copy=True)
