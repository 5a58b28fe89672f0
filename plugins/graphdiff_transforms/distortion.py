"""Augmentation that bends the plane: rotation, scale, shear, shift and perspective, in one resampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphdiff.arguments import check_fields
from graphdiff.errors import ArgumentError
from graphdiff.train import Draws, Transform
from graphdiff.train.data import Array
from graphdiff_transforms.images import as_before, as_float, check_fractions, check_images


@dataclass(frozen=True)
class GeometricDistortion(Transform):
    """The image turned, scaled, sheared, shifted and seen from aside, about its centre, by random amounts.

    All of it is one projective map of the plane, and every pixel is interpolated once (bilinear). Positive
    rotations turn clockwise. Shapes: (n, C, H, W), as before.

    Args:
        rotation: the largest angle to either side, in degrees.
        scale: the size changes by a factor from 1/(1 + scale) to 1 + scale, its logarithm uniform.
        shear: the largest angle by which the vertical is slanted, in degrees.
        shift: the largest move along each axis, as a share of the image's side.
        perspective: how much further away one edge is than the opposite one, at most, along each axis, as a
            share of the centre's distance.
        fill: brightness of what lies outside of the image, from 0 (black) to 1.

    Raises:
        ArgumentError: an amount that is out of range.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    perspective: float = 0.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_fractions(self, shift=self.shift, fill=self.fill)
        limits = {"rotation": 180.0, "scale": 9.0, "shear": 80.0, "perspective": 0.9}
        for name, limit in limits.items():
            if not 0 <= getattr(self, name) <= limit:
                raise ArgumentError(
                    f"GeometricDistortion: {name}={getattr(self, name)}",
                    fix=f"give a number from 0 to {limit:g}",
                )

    def apply(self, inputs: Array, draws: Draws) -> Array:
        check_images(self, inputs)
        rows, columns = self._sources(draws, *inputs.shape[2:])
        return as_before(sample(as_float(inputs), rows, columns, self.fill), inputs)

    def _sources(self, draws: Draws, height: int, width: int) -> tuple[Array, Array]:
        """Where each pixel of the result comes from: (n, H, W) rows and columns of the image."""
        down, right = np.arange(height)[:, None], np.arange(width)[None, :]
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        x, y = np.broadcast_arrays(right - centre[0], down - centre[1])
        plane = np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
        x, y, depth = np.moveaxis(self._maps(draws, height, width) @ plane, 1, 0)
        shape = (-1, height, width)
        return (y / depth + centre[1]).reshape(shape), (x / depth + centre[0]).reshape(shape)

    def _maps(self, draws: Draws, height: int, width: int) -> Array:
        """(n, 3, 3): from places in the result to places in the image, both from the centre (x, y, 1)."""
        turn, slant, size, *rest = draws.uniform(-1, 1, 7)
        turn, lean = np.radians(self.rotation) * turn, np.tan(np.radians(self.shear) * slant)
        factor = (1 + self.scale) ** -size
        move = self.shift * np.array(rest[:2]) * [[width], [height]]
        tilt = self.perspective * np.array(rest[2:]) / [[width], [height]]
        cosine, sine, zero = factor * np.cos(turn), factor * np.sin(turn), np.zeros(len(draws))
        rows = [
            [cosine, sine + cosine * lean, move[0]],
            [zero - sine, cosine - sine * lean, move[1]],
            [tilt[0], tilt[1], zero + 1],
        ]
        return np.moveaxis(np.array(rows), -1, 0)


def sample(images: Array, rows: Array, columns: Array, fill: float) -> Array:
    """Images of floats at places between their pixels, bilinear; ``fill`` outside.

    Shapes: (n, C, H, W), rows and columns (n, h, w) -> (n, C, h, w). A whole number is a pixel's centre.
    """
    n, channels, height, width = images.shape
    framed = np.full((channels, n, height + 2, width + 2), fill, images.dtype)
    framed[:, :, 1:-1, 1:-1] = np.moveaxis(images, 1, 0)
    top, down = _cell(rows, height, images.dtype)
    left, right = _cell(columns, width, images.dtype)
    corner = (np.arange(n)[:, None, None] * (height + 2) + top) * (width + 2) + left
    result = np.empty((n, channels, *rows.shape[1:]), images.dtype)
    for channel, plane in enumerate(framed.reshape(channels, -1)):
        upper = _between(plane.take(corner), plane.take(corner + 1), right)
        lower = _between(plane.take(corner + width + 2), plane.take(corner + width + 3), right)
        result[:, channel] = _between(upper, lower, down)
    return result


def _cell(places: Array, length: int, dtype: np.dtype[np.generic]) -> tuple[Array, Array]:
    """The pixel before each place, counted within a frame of one pixel, and the way to the next, 0 … 1."""
    inside = np.clip(places, -1, length) + 1
    before = np.minimum(inside.astype(np.intp), length)
    return before, (inside - before).astype(dtype)


def _between(first: Array, second: Array, share: Array) -> Array:
    """First at share 0, on the way to second; in this form never outside of 0 … 1 if neither is."""
    between: Array = first + (second - first) * share
    return between
