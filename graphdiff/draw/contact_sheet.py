"""Images beside what a transform makes of them, as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.draw.palette import INK, PAPER
from graphdiff.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from PIL.Image import Image

    from graphdiff.train import Transform

_CELL = 64  # pixels that a side of an image has at least
_GAP, _MARGIN, _HEADER = 4, 12, 18


def contact_sheet(images: Any, transform: Transform, *, variants: int = 7, seed: int = 0) -> Image:
    """A row for each image: the original, then the variants that the first epochs of training see.

    Args:
        images: (n, C, H, W), one channel (grey) or three (red, green, blue); uint8 or floats from 0 to 1.
        transform: what makes the variants; variant k is that of epoch k − 1 and the image's row.
        variants: how many.
        seed: what the variants are drawn from.

    Returns:
        A Pillow image: ``.save("sheet.png")`` writes it, ``np.asarray`` gives its pixels.

    Raises:
        ShapeError: what are no images. ArgumentError: no variants, or values outside 0 … 1.
    """
    if variants < 1:
        raise ArgumentError(f"variants={variants}", fix="give at least 1")
    images = np.asarray(images)
    columns = [_tiles(images)]
    columns += [_tiles(transform(images, seed=seed, epoch=epoch)) for epoch in range(variants)]
    return _sheet(columns)


def _tiles(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(n, height, width, 3) uint8, small images enlarged by a whole factor."""
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise ShapeError(f"images of shape {images.shape}", fix="give (n, 1 or 3, height, width)")
    if images.dtype != np.uint8:
        if not (images >= 0).all() & (images <= 1).all():
            raise ArgumentError(
                f"values from {images.min()} to {images.max()} are no brightness",
                fix="give floats from 0 to 1: leave standardising out of what is shown",
            )
        images = np.rint(images * 255.0).astype(np.uint8)
    factor = -(-_CELL // max(images.shape[2:]))
    colors = np.broadcast_to(images, (len(images), 3, *images.shape[2:])).transpose(0, 2, 3, 1)
    return colors.repeat(factor, axis=1).repeat(factor, axis=2)


def _sheet(columns: list[np.ndarray[Any, Any]]) -> Image:
    from PIL import Image, ImageDraw

    lefts = [_MARGIN]
    for number, column in enumerate(columns):
        lefts.append(lefts[-1] + column.shape[2] + (_GAP if number else 3 * _GAP))
    rowed = max(column.shape[1] for column in columns) + _GAP
    size = lefts[-1] - _GAP + _MARGIN, _MARGIN + _HEADER + len(columns[0]) * rowed - _GAP + _MARGIN
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, (left, column) in enumerate(zip(lefts, columns, strict=False)):
        pen.text((left, _MARGIN), str(number) if number else "original", INK)
        for row, tile in enumerate(column):
            sheet.paste(Image.fromarray(tile), (left, _MARGIN + _HEADER + row * rowed))
    return sheet
