"""Filters, activation maps and images as one picture of small tiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.draw.palette import NOT_FINITE, PAPER
from graphdiff.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from PIL.Image import Image

Array = np.ndarray[Any, Any]
_TILE = 48  # pixels that a side of a tile has at least
_GAP = 3


def map_sheet(values: Any, *, most: int = 64) -> Image:
    """Tiles of a tensor (N, C, H, W): with one or three channels the N images or filters, grey or in colour;
    with more, the channels of the first, as of an activation. Each tile goes from black at its least element
    to white at its largest; NaN and infinities are magenta.

    Args:
        values: a tensor or an array.
        most: how many tiles there are at most.

    Returns:
        A Pillow image: ``.save("maps.png")`` writes it.

    Raises:
        ShapeError: another rank, or no elements. ArgumentError: no tiles.
    """
    if most < 1:
        raise ArgumentError(f"most={most} shows nothing", fix="give at least 1")
    values = np.asarray(values)
    if values.ndim != 4 or not values.size:
        raise ShapeError(f"shape {values.shape} is not of maps", fix="give (n, channels, height, width)")
    maps = values if values.shape[1] in (1, 3) else values[0][:, None]
    return _sheet([_tile(one) for one in maps[:most]])


def _tile(values: Array) -> Array:
    """(C, H, W) -> (height, width, 3) uint8, enlarged by a whole factor where it is small."""
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0.0).astype(np.float64)
    low, high = (float(f(kept[finite])) if finite.any() else 0.0 for f in (np.min, np.max))
    scaled = (kept / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)  # halved, so that nothing overflows
    gray = np.rint(np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)
    pixels = np.broadcast_to(gray, (3, *values.shape[1:])).transpose(1, 2, 0)
    bad = tuple(int(NOT_FINITE[i : i + 2], 16) for i in (1, 3, 5))
    pixels = np.where(
        np.all(finite, axis=0, keepdims=True).transpose(1, 2, 0), pixels, np.array(bad, np.uint8)
    )
    factor = -(-_TILE // max(pixels.shape[:2]))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _sheet(tiles: list[Array]) -> Image:
    from PIL import Image

    height, width, _ = tiles[0].shape
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), PAPER)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(Image.fromarray(tile), (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)))
    return sheet
