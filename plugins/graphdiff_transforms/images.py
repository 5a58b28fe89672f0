"""What transforms ask of images: (n, channels, height, width), uint8 from 0 to 255 or floats from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.arguments import check_numbers
from graphdiff.errors import ArgumentError, DTypeError, ShapeError
from graphdiff.train.data import Array

LARGEST = 1 << 15  # pixels along a side


def check_images(transform: Any, images: Array) -> None:
    """
    Raises:
        ShapeError: not four axes, or images without pixels. DTypeError: neither uint8 nor floats.
    """
    name = type(transform).__name__
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ShapeError(
            f"{name}: images of shape {images.shape}",
            fix="give (n, channels, height, width); digits(images=True) has such",
        )
    if images.dtype not in (np.uint8, np.float16, np.float32, np.float64):
        raise DTypeError(f"{name}: images of {images.dtype}", fix="give uint8 (0 to 255) or floats (0 to 1)")


def check_fractions(transform: Any, **values: float) -> None:
    """
    Raises:
        ArgumentError: a value outside 0 … 1.
    """
    check_numbers(**values)
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ArgumentError(
                f"{type(transform).__name__}: {name}={value}", fix="give a number from 0 to 1"
            )


def as_float(images: Array) -> Array:
    """The images to calculate with: float64 stays, all else becomes float32; uint8 becomes 0 … 1."""
    if images.dtype == np.uint8:
        return images * np.float32(1 / 255)
    return images.astype(np.promote_types(images.dtype, np.float32), copy=False)


def as_before(result: Array, images: Array) -> Array:
    """A result of :func:`as_float`'s kind in the dtype of the images, uint8 rounded and kept in range."""
    if images.dtype == np.uint8:
        result = np.rint(np.clip(result, 0, 1) * 255)
    return result.astype(images.dtype, copy=False)


def of_unit(images: Array, value: float) -> Any:
    """A brightness from 0 (black) to 1 (white), in the images' own numbers."""
    return images.dtype.type(round(value * 255) if images.dtype == np.uint8 else value)
