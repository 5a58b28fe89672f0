"""Images of another size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphdiff.arguments import check_integers
from graphdiff.errors import ArgumentError
from graphdiff.train import Draws, Transform
from graphdiff.train.data import Array
from graphdiff_transforms.images import LARGEST, as_before, as_float, check_images


@dataclass(frozen=True)
class Resize(Transform):
    """Interpolated to ``size`` × ``size`` pixels, or (height, width): (n, C, H, W) -> (n, C, *size).

    Bilinear, with the centres of the pixels spread evenly; a smaller image averages over all that it covers
    (a triangle of the width of one new pixel to either side), so that nothing flickers.

    Raises:
        ArgumentError: a size below 1.
    """

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        sides = self.size if isinstance(self.size, tuple) and len(self.size) == 2 else (self.size,)
        for side in sides:
            check_integers(size=side)
        if not 1 <= min(sides) <= max(sides) <= LARGEST:
            raise ArgumentError(f"Resize: size={self.size}", fix=f"give pixels, from 1 to {LARGEST}")

    def apply(self, inputs: Array, draws: Draws) -> Array:
        check_images(self, inputs)
        values = as_float(inputs)
        height, width = (
            _weights(old, new).astype(values.dtype)
            for old, new in zip(inputs.shape[2:], self._sides(), strict=True)
        )
        result = height @ values @ width.T
        if len(inputs):  # rounding alone could leave the range
            result = result.clip(values.min(), values.max())
        return as_before(result, inputs)

    def _sides(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size


def _weights(old: int, new: int) -> Array:
    """(new, old): how much of each old pixel is in each new one; rows sum to 1."""
    reach = max(old / new, 1.0)
    centres = (np.arange(new) + 0.5) * (old / new) - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(old) - centres[:, None]) / reach)
    shares: Array = weights / weights.sum(axis=1, keepdims=True)
    return shares
