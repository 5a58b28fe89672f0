"""DLPack: arrays handed to and taken from other libraries without a copy where that is safe."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.tensor import Tensor, leaf


def export(t: Tensor, **options: Any) -> Any:
    """The capsule of a tensor's values.

    Strides below zero and read-only memory are outside what every consumer accepts, so such host arrays
    are copied first; so are all host arrays, because the consumer may write and a tensor never changes.
    """
    data = t.numpy() if t.backend.device == "cpu" else t.data
    if isinstance(data, np.ndarray):
        data = data.copy()
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
    return leaf(np.from_dlpack(array), copy=True)
