"""Filters of three rows at two thirds of the multiplications.

Two neighbouring outputs of a filter (w₀, w₁, w₂) on inputs d₀ … d₃ take four products instead of six:

    m₀ = (d₀ − d₂)·w₀                   y₀ = m₀ + m₁ + m₂
    m₁ = (d₁ + d₂)·(w₀ + w₁ + w₂)/2     y₁ = m₁ − m₂ − m₃
    m₂ = (d₂ − d₁)·(w₀ − w₁ + w₂)/2
    m₃ = (d₁ − d₃)·w₂

S. Winograd's F(2, 3) (A. Lavin, S. Gray: Fast algorithms for convolutional neural networks,
arXiv:1509.09308), along the rows only: each product is a matrix product over channels and filter columns.
In one direction its rounding errors are those of the plain sum; in both, or with larger tiles, they grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graphdiff_numpy.patches import (
    Block,
    Filter,
    Scratch,
    across_images,
    blocks,
    fill,
    images_first,
    images_inside,
)

Array = np.ndarray[Any, Any]
_LEAST = 16  # channels on either side, for the products to outweigh the sums around them


def suits(f: Filter, channels: int, filters: int, dtype: Any) -> bool:
    """Whether the filters have three adjacent rows, and the method pays."""
    rows = f.kernel[0] == 3 and f.stride[0] == f.dilation[0] == 1 and f.places[0] > 1
    return rows and min(channels, filters) >= _LEAST and dtype in (np.float32, np.float64)


class Tiles:
    """Pairs of rows in place of the rows of :class:`graphdiff_numpy.patches.Columns`; same interface, with
    four matrices for each one there."""

    def __init__(self, x: Array, f: Filter) -> None:
        self._x, self._f = x, f
        self._scratch = Scratch(x.dtype)

    @staticmethod
    def blocks(images: range, channels: int, f: Filter) -> Iterator[Block]:
        return blocks(images, f.places, 2 * f.kernel[1] * channels, even=True)

    @staticmethod
    def weights(w: Array) -> Array:
        rows = np.ascontiguousarray(w.transpose(2, 0, 3, 1)).reshape(3, len(w), -1)
        result = np.empty((4, *rows.shape[1:]), w.dtype)
        ends, middle = (rows[0] + rows[2]) / 2, rows[1] / 2
        result[0], result[3] = rows[0], rows[2]
        np.add(ends, middle, out=result[1])
        np.subtract(ends, middle, out=result[2])
        return result

    @staticmethod
    def filters(matrix: Array, shape: tuple[int, ...]) -> Array:
        o, c, _, width = shape
        half = (matrix[1] + matrix[2]) / 2
        rows = np.stack([matrix[0] + half, (matrix[1] - matrix[2]) / 2, half - matrix[3]])
        return rows.reshape(3, o, width, c).transpose(1, 3, 0, 2)

    def lower(self, block: Block) -> Array:
        f, channels, kernel = self._f, self._x.shape[1], self._f.kernel[1]
        pairs = -(-block.rows // 2)
        width = (f.places[1] - 1) * f.stride[1] + (kernel - 1) * f.dilation[1] + 1
        inside = images_inside(f, block)
        rows, view = across_images(
            self._scratch, "rows", 2, channels, pairs + 1, block=block, width=width, inside=inside
        )
        for parity in (0, 1):
            start = (block.h0 - f.before[0] + parity, -f.before[1])
            fill(images_first(view[parity]), self._x[block.n0 : block.n1], start, (2, 1))
        sums = self._sums(rows.reshape(2, channels, pairs + 1, -1))
        sums = sums.reshape(4, channels, pairs, *rows.shape[-2:])
        whole, view = self._across("tiles", 4, kernel, channels, pairs, block=block)
        for j in range(kernel):
            first = j * f.dilation[1]
            columns = slice(first, first + (f.places[1] - 1) * f.stride[1] + 1, f.stride[1])
            view[:, j] = (sums.swapaxes(-1, -2) if inside else sums)[..., columns]
        return whole.reshape(4, kernel * channels, -1)

    def _across(self, name: str, *lead: int, block: Block) -> tuple[Array, Array]:
        inside = images_inside(self._f, block)
        return across_images(self._scratch, name, *lead, block=block, width=self._f.places[1], inside=inside)

    def _sums(self, rows: Array) -> Array:
        """d₀ − d₂, d₁ + d₂, d₂ − d₁ and d₁ − d₃ for every pair of rows, from even and odd rows."""
        result = self._scratch("sums", 4, rows.shape[1], rows.shape[2] - 1, rows.shape[3])
        d0, d2, d1, d3 = rows[0, :, :-1], rows[0, :, 1:], rows[1, :, :-1], rows[1, :, 1:]
        np.subtract(d0, d2, out=result[0])
        np.add(d1, d2, out=result[1])
        np.subtract(d2, d1, out=result[2])
        np.subtract(d1, d3, out=result[3])
        return result

    def emit(self, weights: Array, patches: Array, out: Array, block: Block) -> None:
        pairs = -(-block.rows // 2)
        flat, m = self._across("outputs", 4, weights.shape[1], pairs, block=block)
        np.matmul(weights, patches, out=flat.reshape(4, weights.shape[1], -1))
        half = self._across("halves", weights.shape[1], pairs, block=block)[1]
        target = np.moveaxis(out[block.n0 : block.n1, :, block.h0 : block.h1], 0, 2)
        np.add(m[1], m[2], out=half)
        np.add(half, m[0], out=target[:, 0::2])
        np.subtract(m[1], m[2], out=half)
        odd = block.rows // 2
        np.subtract(half[:, :odd], m[3, :, :odd], out=target[:, 1::2])

    def correlate(self, g: Array, patches: Array, block: Block) -> Array:
        pairs = -(-block.rows // 2)
        flat, logical = self._across("gradients", 4, g.shape[1], pairs, block=block)
        source = g[block.n0 : block.n1, :, block.h0 : block.h1]
        fill(images_first(logical[0]), source, (0, 0), (2, 1))
        fill(images_first(logical[3]), source, (1, 0), (2, 1))
        np.add(flat[0], flat[3], out=flat[1])
        np.subtract(flat[0], flat[3], out=flat[2])
        result: Array = np.matmul(flat.reshape(4, g.shape[1], -1), patches.swapaxes(1, 2))
        return result
