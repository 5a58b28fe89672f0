"""Patches as matrices: what lies under a filter at each of its places, as one column per place.

A block is a few images, or a few output rows of one image, such that its matrices stay in cache. Within a
block, rows come first and images stand inside them: the same place in the next row is then a constant
distance away, whatever the image, so that the filter's rows are long contiguous copies of one matrix that
holds its columns. Where rows are short, the images stand innermost instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]

_BLOCK = 1 << 19  # elements of a block's matrix
_COLUMNS = (256, 8192)  # of a block: enough for BLAS, and not more than pays
_SHORT = 8  # rows of fewer elements are copied with the images innermost


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


@dataclass(frozen=True, slots=True)
class Block:
    """Images ``n0 … n1 − 1`` and output rows ``h0 … h1 − 1``."""

    n0: int
    n1: int
    h0: int
    h1: int

    @property
    def images(self) -> int:
        return self.n1 - self.n0

    @property
    def rows(self) -> int:
        return self.h1 - self.h0


def blocks(images: range, places: Pair, elements: int, even: bool = False) -> Iterator[Block]:
    """All images and rows, in blocks of which each column of the matrix has so many elements.

    Args:
        even: blocks start at even rows.
    """
    rows, across = places
    low, high = _COLUMNS
    columns = min(max(_BLOCK // elements, low), high)
    at_once = max(1, min(columns // (rows * across), len(images)))
    height = rows if columns >= rows * across else max(1, columns // across)
    height = -(-rows // -(-rows // height))  # blocks of about one height
    height += height % 2 if even else 0
    for n in range(images.start, images.stop, at_once):
        for h in range(0, rows, height):
            yield Block(n, min(n + at_once, images.stop), h, min(h + height, rows))


class Scratch:
    """Memory that is used again from block to block."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._known: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int) -> Array:
        """A contiguous array of that shape, its values whatever they were."""
        size = 1
        for n in shape:
            size *= n
        flat = self._known.get(name)
        if flat is None or flat.size < size:
            flat = self._known[name] = np.empty(size, self._dtype)
        return flat[:size].reshape(shape)


def images_inside(f: Filter, block: Block) -> bool:
    """Whether a block's images stand innermost."""
    return f.places[1] < _SHORT <= block.images


def across_images(
    scratch: Scratch, name: str, *lead: int, block: Block, width: int, inside: bool
) -> tuple[Array, Array]:
    """Memory for ``width`` elements of each image of a block, and a view of it whose last two axes are
    (image, width), whichever is innermost."""
    if inside:
        flat = scratch(name, *lead, width, block.images)
        return flat, flat.swapaxes(-1, -2)
    flat = scratch(name, *lead, block.images, width)
    return flat, flat


def images_first(view: Array) -> Array:
    """(…, channel, row, image, width) as (…, image, channel, row, width)."""
    return np.moveaxis(view, -2, -4)


# Copies that end at the input's edge


def _overlap(start: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of ``count`` positions lie on an axis of that size, and where."""
    first = min(max(0, -(start // step)), count)
    last = max(first, min(count, -(-(size - start) // step)))
    if last == first:
        return slice(first, first), slice(0, 0)
    return slice(first, last), slice(start + first * step, start + (last - 1) * step + 1, step)


def fill(target: Array, source: Array, start: Pair, step: Pair) -> None:
    """Copy rows and columns ``start, start + step, …`` of the source; zeros where it has none."""
    rows, from_rows = _overlap(start[0], step[0], target.shape[-2], source.shape[-2])
    columns, from_columns = _overlap(start[1], step[1], target.shape[-1], source.shape[-1])
    if rows.start:
        target[..., : rows.start, :] = 0
    if rows.stop < target.shape[-2]:
        target[..., rows.stop :, :] = 0
    inside = target[..., rows, :]
    if columns.start:
        inside[..., : columns.start] = 0
    if columns.stop < target.shape[-1]:
        inside[..., columns.stop :] = 0
    inside[..., columns] = source[..., from_rows, from_columns]


def spill(target: Array, source: Array, start: Pair, step: Pair) -> None:
    """The transpose of :func:`fill`: add the source's elements to where fill would have taken them."""
    rows, to_rows = _overlap(start[0], step[0], source.shape[-2], target.shape[-2])
    columns, to_columns = _overlap(start[1], step[1], source.shape[-1], target.shape[-1])
    inside = target[..., to_rows, to_columns]
    inside += source[..., rows, columns]


# Patches


def is_matrix(view: Array) -> bool:
    """Whether the last two axes of (channel, row, width) are one axis in memory."""
    row, element = view.strides[-2:]
    return bool(element == view.itemsize and row == view.shape[-1] * element)


def outputs(view: Array, f: Filter, block: Block, scratch: Scratch) -> Array:
    """A block of (image, channel, row, width) as a matrix of one row per channel."""
    part = view[block.n0 : block.n1, :, block.h0 : block.h1]
    channels, rows, width = part.shape[1:]
    if block.images == 1 and is_matrix(part[0]):
        matrix: Array = part[0].reshape(channels, -1)
        return matrix
    inside = images_inside(f, block)
    flat, logical = across_images(scratch, "outputs", channels, rows, block=block, width=width, inside=inside)
    images_first(logical)[...] = part
    return flat.reshape(channels, -1)


class Columns:
    """The matrix of patches itself; one product with the filters gives the outputs.

    Its rows are ordered (filter row, filter column, channel).
    """

    def __init__(self, x: Array, f: Filter) -> None:
        self._x, self._f = x, f
        self._scratch = Scratch(x.dtype)

    @staticmethod
    def elements(channels: int, f: Filter) -> int:
        """Of one column."""
        return f.kernel[0] * f.kernel[1] * channels

    @staticmethod
    def blocks(images: range, channels: int, f: Filter) -> Iterator[Block]:
        return blocks(images, f.places, Columns.elements(channels, f))

    @staticmethod
    def weights(w: Array) -> Array:
        """The filters as a matrix, one row each."""
        return np.ascontiguousarray(w.transpose(0, 2, 3, 1)).reshape(len(w), -1)

    @staticmethod
    def filters(matrix: Array, shape: tuple[int, ...]) -> Array:
        """What :meth:`weights` was given."""
        o, c, height, width = shape
        return matrix.reshape(o, height, width, c).transpose(0, 3, 1, 2)

    def lower(self, block: Block) -> Array:
        f, channels, (height, width) = self._f, self._x.shape[1], self._f.kernel
        if self._is_plain(block):
            return self._x[block.n0, :, block.h0 : block.h1].reshape(channels, -1)
        rows = (
            block.rows if height == 1 else (block.rows - 1) * f.stride[0] + (height - 1) * f.dilation[0] + 1
        )
        step = f.stride[0] if height == 1 else 1
        flat, logical = self._across("columns", width, channels, rows, block=block)
        source = self._x[block.n0 : block.n1]
        for j in range(width):
            start = (block.h0 * f.stride[0] - f.before[0], j * f.dilation[1] - f.before[1])
            fill(images_first(logical[j]), source, start, (step, f.stride[1]))
        if height == 1:
            return flat.reshape(width * channels, -1)
        whole = self._scratch("patches", height, width, channels, block.rows, *flat.shape[-2:])
        for i in range(height):
            whole[i] = flat[:, :, row_slice(f, i, block.rows)]
        return whole.reshape(height * width * channels, -1)

    def _is_plain(self, block: Block) -> bool:
        """A 1×1 filter on every element: the input is its own matrix."""
        f = self._f
        whole = f.kernel == f.stride == (1, 1) and f.before == (0, 0) and block.images == 1
        return whole and f.places[1] == self._x.shape[3] and f.places[0] <= self._x.shape[2]

    def emit(self, weights: Array, patches: Array, out: Array, block: Block) -> None:
        """Write the products of filters and patches to the block's place in the output."""
        target = out[block.n0 : block.n1, :, block.h0 : block.h1]
        if block.images == 1 and is_matrix(target[0]):
            np.matmul(weights, patches, out=target[0].reshape(len(weights), -1))
            return
        channels, rows = target.shape[1:3]
        flat, logical = self._across("outputs", channels, rows, block=block)
        np.matmul(weights, patches, out=flat.reshape(channels, -1))
        target[...] = images_first(logical)

    def correlate(self, g: Array, patches: Array, block: Block) -> Array:
        """The products of a block of output gradients with the patches: the filters' gradients."""
        result: Array = np.matmul(outputs(g, self._f, block, self._scratch), patches.T)
        return result

    def _across(self, name: str, *lead: int, block: Block) -> tuple[Array, Array]:
        inside = images_inside(self._f, block)
        return across_images(self._scratch, name, *lead, block=block, width=self._f.places[1], inside=inside)


def row_slice(f: Filter, i: int, rows: int) -> slice:
    """The rows that row i of a filter meets."""
    start = i * f.dilation[0]
    return slice(start, start + (rows - 1) * f.stride[0] + 1, f.stride[0])
