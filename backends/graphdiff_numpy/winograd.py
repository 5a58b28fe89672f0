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

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from graphdiff_numpy.patches import Block, Filter, Scratch, blocks, copy, window

Array = np.ndarray[Any, Any]
_LEAST = 16  # channels on either side, for the products to outweigh the sums around them
_PLACES = 1024  # times images, for them to outweigh the sums of filters


def suits(f: Filter, channels: int, filters: int, images: int, dtype: Any) -> bool:
    """Whether the filters have three adjacent rows, and the method pays."""
    rows = f.kernel[0] == 3 and f.stride[0] == f.dilation[0] == 1 and f.places[0] > 1
    large = min(channels, filters) >= _LEAST and images * math.prod(f.places) >= _PLACES
    return rows and large and dtype in (np.float32, np.float64)


class Tiles:
    """Pairs of rows in place of the rows of :class:`graphdiff_numpy.patches.Patches`; same interface, with
    four matrices for each one there."""

    @staticmethod
    def blocks(f: Filter, images: int, channels: int, filters: int, least: int = 0) -> list[Block]:
        return blocks(f, images, 4 * ((f.kernel[1] + 1) * channels + filters), least, unit=2)

    @staticmethod
    def weights(w: Array) -> Array:
        rows = np.ascontiguousarray(w.transpose(2, 0, 1, 3)).reshape(3, len(w), -1)
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
        return rows.reshape(3, o, c, width).transpose(1, 2, 0, 3)

    @staticmethod
    def lower(x: Array, f: Filter, block: Block, memory: Scratch) -> Array:
        pairs = -(-(block.h1 - block.h0) // 2)
        even = Block(block.h0, block.h0 + 2 * pairs, block.v0, block.v1)
        sums = _sums(window(x, f, even, memory), pairs, memory)
        matrix, channel, row, column, image = sums.strides
        steps = (f.dilation[1] * column, row, f.stride[1] * column)
        shape = (4, len(x), f.kernel[1], pairs, block.v1 - block.v0, x.shape[3])
        out = memory("patches", x.dtype, *shape)
        copy(out, as_strided(sums, shape, (matrix, channel, *steps, image), writeable=False))
        return out.reshape(4, len(x) * f.kernel[1], -1)

    @staticmethod
    def emit(weights: Array, patches: Array, out: Array, memory: Scratch) -> None:
        filters, height, width, images = out.shape
        pairs, odd = -(-height // 2), height // 2
        m = memory("products", out.dtype, 4, filters, pairs, width, images)
        np.matmul(weights, patches, out=m.reshape(4, filters, -1))
        half = memory("halves", out.dtype, filters, pairs, width, images)
        np.add(m[1], m[2], out=half)
        np.add(half, m[0], out=out[:, 0::2])
        np.subtract(m[1], m[2], out=half)
        np.subtract(half[:, :odd], m[3, :, :odd], out=out[:, 1::2])

    @staticmethod
    def upstream(g: Array, memory: Scratch) -> Array:
        filters, height, width, images = g.shape
        pairs, odd = -(-height // 2), height // 2
        out = memory("gradients", g.dtype, 4, filters, pairs, width, images)
        out[0] = g[:, 0::2]
        out[3, :, :odd], out[3, :, odd:] = g[:, 1::2], 0
        np.add(out[0], out[3], out=out[1])
        np.subtract(out[0], out[3], out=out[2])
        return out.reshape(4, filters, -1)


def _sums(d: Array, pairs: int, memory: Scratch) -> Array:
    """d₀ − d₂, d₁ + d₂, d₂ − d₁ and d₁ − d₃ for every pair of rows."""
    result = memory("sums", d.dtype, 4, len(d), pairs, *d.shape[2:])
    d0, d1, d2, d3 = d[:, 0:-2:2], d[:, 1:-1:2], d[:, 2::2], d[:, 3::2]
    np.subtract(d0, d2, out=result[0])
    np.add(d1, d2, out=result[1])
    np.subtract(d2, d1, out=result[2])
    np.subtract(d1, d3, out=result[3])
    return result
