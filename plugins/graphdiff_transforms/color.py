"""Augmentation of colours. Every change is linear in an image's colours, so all of them are one matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphdiff.arguments import check_fields
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.train import Draws, Transform
from graphdiff.train.data import Array
from graphdiff_transforms.images import as_before, as_float, check_fractions, check_images

# Brightness as the eye weighs red, green and blue (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114])
_GREY = np.tile(_LUMA, (3, 1))
# A quarter turn in the plane of colour differences I and Q of the YIQ space, which leaves brightness alone.
_TO_YIQ = np.array([_LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_QUARTER = np.linalg.inv(_TO_YIQ) @ np.array([[0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ _TO_YIQ


@dataclass(frozen=True)
class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by random amounts, then cut off to the images' range.

    Brightness multiplies an image by a factor from ``1 − brightness`` to ``1 + brightness``. Contrast does so
    with the difference from the image's mean brightness, saturation with each pixel's difference from grey.
    Hue turns all colours by up to ``± hue`` of a full circle, at constant brightness (in YIQ).

    Args:
        brightness, contrast, saturation: from 0 (no change) to 1.
        hue: from 0 (no change) to 0.5 (any hue).

    Raises:
        ArgumentError: a strength out of range; images of floats outside 0 … 1.
        ShapeError: neither one channel nor three, or saturation or hue of a single channel.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_fractions(self, brightness=self.brightness, contrast=self.contrast, saturation=self.saturation)
        if not 0 <= self.hue <= 0.5:
            raise ArgumentError(f"ColorJitter: hue={self.hue}", fix="give a number from 0 to 0.5")

    def apply(self, inputs: Array, draws: Draws) -> Array:
        channels = _check_colors(self, inputs)
        if channels == 1 and (self.saturation or self.hue):
            raise ShapeError(
                "ColorJitter: a single channel has no saturation and no hue",
                fix="give 3 channels, or 0 for both",
            )
        strengths = np.array([[self.brightness], [self.contrast], [self.saturation], [2 * np.pi * self.hue]])
        *factors, turn = strengths * draws.uniform(-1, 1, 4)
        brightness, contrast, saturation = (1 + change for change in factors)
        luma = _LUMA if channels == 3 else np.ones(1)
        matrices = _hue_and_saturation(turn, saturation) if channels == 3 else np.ones((len(inputs), 1, 1))
        middle = brightness * (1 - contrast) * (luma @ as_float(inputs).mean(axis=(2, 3)).T)
        return _recolored(inputs, (brightness * contrast)[:, None, None] * matrices, middle[:, None])


def _hue_and_saturation(turn: Array, saturation: Array) -> Array:
    """(n, 3, 3): grey stays, and the difference from it is stretched and turned."""
    stretched = saturation * np.cos(turn), saturation * np.sin(turn)
    cosine, sine = (part[:, None, None] for part in stretched)
    matrices: Array = _GREY + cosine * (np.eye(3) - _GREY) + sine * _QUARTER
    return matrices


@dataclass(frozen=True)
class ColorCast(Transform):
    """Each channel made lighter or darker as a whole, as under coloured light, with probability ``p``.

    Source: R. Wu et al., Deep Image: Scaling up Image Recognition, 2015 (strength 20/255, p 0.5).

    Args:
        strength: the largest change, in units of the full range.
        p: the probability of a change, of each channel by itself.

    Raises:
        ArgumentError: a strength or p outside 0 … 1; images of floats outside 0 … 1.
        ShapeError: neither one channel nor three.
    """

    strength: float = 20 / 255
    p: float = 0.5

    def __post_init__(self) -> None:
        check_fields(self)
        check_fractions(self, strength=self.strength, p=self.p)

    def apply(self, inputs: Array, draws: Draws) -> Array:
        channels = _check_colors(self, inputs)
        drawn = draws.uniform(count=2 * channels)
        cast = np.where(drawn[:channels] < self.p, self.strength * (2 * drawn[channels:] - 1), 0)
        return _recolored(inputs, np.eye(channels), cast.T)


def _check_colors(transform: Transform, images: Array) -> int:
    check_images(transform, images)
    name = type(transform).__name__
    if images.shape[1] not in (1, 3):
        raise ShapeError(
            f"{name}: {images.shape[1]} channels", fix="give one (grey) or three (red, green, blue)"
        )
    if images.dtype != np.uint8 and not (images >= 0).all() & (images <= 1).all():
        raise ArgumentError(
            f"{name}: values from {images.min()} to {images.max()}",
            fix="give floats from 0 to 1: change colours before standardising",
        )
    channels: int = images.shape[1]
    return channels


def _recolored(images: Array, matrices: Array, offsets: Array) -> Array:
    """Every pixel's channels times the image's matrix, plus its offset, cut off to 0 … 1."""
    values = as_float(images)
    n, channels, height, width = values.shape
    flat = values.reshape(n, channels, height * width)
    result = matrices.astype(values.dtype) @ flat + offsets[:, :, None].astype(values.dtype)
    return as_before(np.clip(result, 0, 1).reshape(values.shape), images)
