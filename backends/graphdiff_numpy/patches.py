"""Patches as matrices: what lies under a filter at each of its places, as one column per place and image.

Images are held with the batch innermost in memory: (channel, row, column, image). What a filter's element
meets at neighbouring places then lies one after the other, all images of a place side by side, so that
patches are long contiguous copies, and the product of filters and patches is the output as it lies in
memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

_BLOCK = 1 << 20  # elements of a block's matrices: near the cache, and few passes over them
_COLUMNS = 256  # of a block at least: enough for BLAS


def batch_innermost(x: Array) -> Array:
    """(N, C, H, W) as a contiguous (C, H, W, N); a view where it lies in memory like that."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def batch_first(planes: Array) -> Array:
    """(C, H, W, N) as (N, C, H, W), a view."""
    return planes.transpose(3, 0, 1, 2)


def result_planes(shape: tuple[int, ...], dtype: Any, out: Array | None) -> Array:
    """Memory for a result (C, H, W, N), its values whatever they were: of ``out`` (N, C, H, W) or new."""
    return np.empty(shape, dtype) if out is None else out.transpose(1, 2, 3, 0)


@dataclass(frozen=True, slots=True)
class Filter:
    """Where the elements of a filter lie: element (i, j) of place (h, v) lies on row
    ``h·stride + i·dilation − before``, and likewise across.

    Attributes:
        before: padding in front of each axis; negative where the input's edge is left out.
        places: how many there are along each axis.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    places: Pair

    @property
    def size(self) -> int:
        return math.prod(self.kernel)


@dataclass(frozen=True, slots=True)
class Block:
    """Output rows ``h0 … h1 − 1`` and columns ``v0 … v1 − 1``; all columns where there is more than a row."""

    h0: int
    h1: int
    v0: int
    v1: int

    def of(self, planes: Array) -> Array:
        return planes[:, self.h0 : self.h1, self.v0 : self.v1]


def blocks(f: Filter, images: int, elements: int, least: int = 0, unit: int = 1) -> list[Block]:
    """All places, in blocks whose matrices have so many elements in a column.

    Args:
        least: columns of a block that pay, if there are as many.
        unit: output rows that share a column; blocks start at multiples of it.
    """
    rows, across = f.places
    columns = max(_BLOCK // elements, _COLUMNS, least)
    columns = min(columns, -(-rows * across * images // 2))  # work for two threads
    height = unit * _even(-(-rows // unit), columns // (across * images))
    width = across if height > unit else _even(across, columns // images)
    # Downwards, so that most rows under a block are in the cache from the block before.
    return [
        Block(h, min(h + height, rows), v, min(v + width, across))
        for v in range(0, across, width)
        for h in range(0, rows, height)
    ]


def _even(count: int, most: int) -> int:
    """The size, at most ``most``, of parts of about one size that make up ``count``."""
    return -(-count // -(-count // max(1, most)))


class Scratch:
    """Memory that is used again from block to block, and from call to call."""

    def __init__(self) -> None:
        self._known: dict[str, Array] = {}

    def __call__(self, name: str, dtype: Any, *shape: int) -> Array:
        """A contiguous array of that shape, its values whatever they were."""
        size = math.prod(shape) * dtype.itemsize
        flat = self._known.get(name)
        if flat is None or flat.size < size:
            flat = self._known[name] = np.empty(size, np.uint8)
        result: Array = flat[:size].view(dtype).reshape(shape)
        return result


_idle: list[Scratch] = []


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Memory that no other thread uses meanwhile."""
    try:
        memory = _idle.pop()
    except IndexError:
        memory = Scratch()
    try:
        yield memory
    finally:
        _idle.append(memory)


class Patches:
    """The matrix of patches itself; one product with the filters gives the outputs.

    Its rows are ordered (channel, filter row, filter column), so the filters are a matrix as they are.
    """

    @staticmethod
    def blocks(f: Filter, images: int, channels: int, filters: int, least: int = 0) -> list[Block]:
        return blocks(f, images, channels * f.size + filters, least)

    @staticmethod
    def weights(w: Array) -> Array:
        """The filters as a matrix, one row each."""
        return np.ascontiguousarray(w.reshape(len(w), -1))  # in another order BLAS may round otherwise

    @staticmethod
    def filters(matrix: Array, shape: tuple[int, ...]) -> Array:
        """What :meth:`weights` was given."""
        return matrix.reshape(shape)

    @staticmethod
    def lower(x: Array, f: Filter, block: Block, memory: Scratch) -> Array:
        """The block's patches of (channel, row, column, image), a column for each place and image."""
        height, width = block.h1 - block.h0, block.v1 - block.v0
        under = window(x, f, block, memory)
        if f.kernel == f.stride == (1, 1) and (height == 1 or width == x.shape[2]):
            return under.reshape(len(x), -1)
        channel, row, column, image = under.strides
        steps = (f.dilation[0] * row, f.dilation[1] * column, f.stride[0] * row, f.stride[1] * column)
        shape = (len(x), *f.kernel, height, width, x.shape[3])
        out = memory("patches", x.dtype, *shape)
        copy(out, as_strided(under, shape, (channel, *steps, image), writeable=False))
        return out.reshape(len(x) * f.size, -1)

    @staticmethod
    def emit(weights: Array, patches: Array, out: Array, memory: Scratch) -> None:
        """Write the products of filters and patches to the block's part of the output."""
        product(weights, patches, out, memory)

    @staticmethod
    def upstream(g: Array, memory: Scratch) -> Array:
        """The block's part of the output's gradient as the matrix whose product with the patches, over
        places, is the gradient of :meth:`weights`."""
        return g.reshape(len(g), -1)


def window(x: Array, f: Filter, block: Block, memory: Scratch) -> Array:
    """What lies under the block's places; zeros beyond the edges."""
    places = ((block.h0, block.h1), (block.v0, block.v1))
    (top, bottom), (left, right) = (
        (first * s - p, (last - 1) * s + (k - 1) * d + 1 - p)
        for (first, last), s, d, k, p in zip(places, f.stride, f.dilation, f.kernel, f.before, strict=True)
    )
    _, rows, columns, images = x.shape
    if top >= 0 and left >= 0 and bottom <= rows and right <= columns:
        return x[:, top:bottom, left:right]
    out = memory("window", x.dtype, len(x), bottom - top, right - left, images)
    fill(out, x, (top, left))
    return out


def fill(target: Array, source: Array, start: Pair) -> None:
    """Copy what the source has from row and column ``start`` on; zeros where it has nothing."""
    (rows, inner_rows), (columns, inner_columns) = (
        reached(first, 1, count, size)
        for first, count, size in zip(start, target.shape[1:3], source.shape[1:3], strict=True)
    )
    target[:, : rows.start] = target[:, rows.stop :] = 0
    inside = target[:, rows]
    inside[:, :, : columns.start] = inside[:, :, columns.stop :] = 0
    copy(inside[:, :, columns], source[:, inner_rows, inner_columns])


_WIDE = {8: np.dtype(np.int64), 16: np.dtype(np.complex128)}


def copy(target: Array, source: Array) -> None:
    """``target[...] = source``, both with contiguous images; a few images are copied as one element."""
    wide = _WIDE.get(target.shape[-1] * target.itemsize)
    if wide is not None and target.itemsize < wide.itemsize:
        target, source = target.view(wide), source.view(wide)
    target[...] = source


def product(a: Array, b: Array, out: Array, memory: Scratch) -> None:
    """Write the matrix product to (channel, row, column, image), which may be strided."""
    matrix = out.reshape(len(out), -1)
    if np.may_share_memory(matrix, out):
        np.matmul(a, b, out=matrix)
        return
    flat = memory("product", out.dtype, *out.shape)
    np.matmul(a, b, out=flat.reshape(len(out), -1))
    copy(out, flat)


def spill(source: Array, target: Array, f: Filter, block: Block, element: Pair) -> None:
    """Add the block's numbers to what lies under one element of the filter at its places."""
    starts = (block.h0, block.v0)
    (rows, to_rows), (columns, to_columns) = (
        reached(first * s + e * d - p, s, count, size)
        for first, s, e, d, p, count, size in zip(
            starts, f.stride, element, f.dilation, f.before, source.shape[1:3], target.shape[1:3], strict=True
        )
    )
    under = target[:, to_rows, to_columns]
    under += source[:, rows, columns]


def reached(start: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of the ``count`` positions ``start, start + step, …`` lie on an axis of that size, and where."""
    first = min(max(0, -(start // step)), count)
    last = max(first, min(count, -(-(size - start) // step)))
    if first == last:
        return slice(0, 0), slice(0, 0)
    return slice(first, last), slice(start + first * step, start + (last - 1) * step + 1, step)
