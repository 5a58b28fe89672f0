"""Augmentation that moves or hides pixels without changing them: flip, crop, cutout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from graphdiff.arguments import check_fields
from graphdiff.errors import ArgumentError
from graphdiff.train import Draws, Transform
from graphdiff.train.data import Array
from graphdiff_transforms.images import LARGEST, check_fractions, check_images, of_unit


@dataclass(frozen=True)
class HorizontalFlip(Transform):
    """Left and right exchanged, with probability ``p``. Not for digits or letters.

    Raises:
        ArgumentError: p outside 0 … 1.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_fields(self)
        check_fractions(self, p=self.p)

    def apply(self, inputs: Array, draws: Draws) -> Array:
        check_images(self, inputs)
        flipped = draws.uniform()[0] < self.p
        result = inputs.copy()
        result[flipped] = inputs[flipped, ..., ::-1]
        return result


@dataclass(frozen=True)
class RandomCrop(Transform):
    """The image padded on all sides, and a random window of its own size taken out: (n, C, H, W), as before.

    Source: C.-Y. Lee et al., Deeply-Supervised Nets, 2015 (for CIFAR: padding 4).

    Args:
        padding: pixels on each side, so the largest shift.
        fill: brightness of the padding, from 0 (black) to 1.

    Raises:
        ArgumentError: a negative padding, or a fill outside 0 … 1.
    """

    padding: int = 4
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_fractions(self, fill=self.fill)
        if not 0 <= self.padding <= LARGEST:
            raise ArgumentError(
                f"RandomCrop: padding={self.padding}", fix=f"give pixels, from 0 to {LARGEST}"
            )

    def apply(self, inputs: Array, draws: Draws) -> Array:
        check_images(self, inputs)
        sides = (self.padding, self.padding)
        padded = np.pad(inputs, ((0, 0), (0, 0), sides, sides), constant_values=of_unit(inputs, self.fill))
        top, left = draws.integers(2 * self.padding + 1, 2)
        windows = sliding_window_view(padded, inputs.shape[2:], (2, 3))
        result: Array = windows[np.arange(len(inputs)), :, top, left]
        return result


@dataclass(frozen=True)
class Cutout(Transform):
    """A square hidden. Its centre is anywhere in the image, so it may reach over the border.

    Source: T. DeVries and G. W. Taylor, Improved Regularization of Convolutional Neural Networks with Cutout,
    2017 (for CIFAR-10: 16).

    Args:
        size: the square's side in pixels.
        fill: its brightness, from 0 (black) to 1.

    Raises:
        ArgumentError: a negative size, or a fill outside 0 … 1.
    """

    size: int = 8
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_fractions(self, fill=self.fill)
        if not 0 <= self.size <= LARGEST:
            raise ArgumentError(f"Cutout: size={self.size}", fix=f"give pixels, from 0 to {LARGEST}")

    def apply(self, inputs: Array, draws: Draws) -> Array:
        check_images(self, inputs)
        height, width = inputs.shape[2:]
        rows = self._hidden(draws, height)[:, None, :, None]
        columns = self._hidden(draws, width)[:, None, None, :]
        return np.where(rows & columns, of_unit(inputs, self.fill), inputs)

    def _hidden(self, draws: Draws, length: int) -> Array:
        """(n, length): the rows or columns that the squares cover."""
        first = draws.integers(length).T - self.size // 2
        places = np.arange(length)
        return (first <= places) & (places < first + self.size)
