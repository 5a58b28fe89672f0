"""Convolution by matrix products, block by block: one for the outputs, one for the filters' gradients.

The gradient of the input is a convolution too, of the output's gradient with the flipped filters: with
stride s, every s-th row and column of it is one with every s-th row and column of the filters, so nothing
is scattered and no zero multiplied. Where the input has few channels, that would be a matrix product of
few rows; then the patches' gradients are computed instead, and added where the patches came from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from graphdiff_numpy.patches import (
    Columns,
    Filter,
    Scratch,
    across_images,
    images_first,
    images_inside,
    outputs,
    row_slice,
    spill,
)
from graphdiff_numpy.threads import shared
from graphdiff_numpy.winograd import Tiles, suits

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
_FEW = 16  # channels of the input


def conv2d(x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """x (N, C, H, W), w (O, C / groups, kernel) -> (N, O, places)."""
    kernel = (w.shape[2], w.shape[3])
    f = Filter(
        kernel, stride, dilation, _before(padding), _places(x.shape, kernel, stride, padding, dilation)
    )
    out = np.empty((len(x), len(w), *f.places), x.dtype)
    for inside, outside in _groups(x.shape[1], len(w), groups):
        _convolve(x[:, inside], w[outside], f, out[:, outside])
    return out


def conv2d_input_grad(
    g: Array,
    w: Array,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    input_shape: tuple[int, ...],
) -> Array:
    """The transpose of :func:`conv2d` in x."""
    few = input_shape[1] // groups < min(_FEW, w.shape[0] // groups)
    f = Filter((w.shape[2], w.shape[3]), stride, dilation, _before(padding), (g.shape[2], g.shape[3]))
    out = np.zeros(input_shape, g.dtype)
    for inside, outside in _groups(input_shape[1], g.shape[1], groups):
        (_scatter if few else _convolve_phases)(g[:, outside], w[outside], f, out[:, inside])
    return out


def conv2d_weight_grad(
    x: Array,
    g: Array,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    weight_shape: tuple[int, ...],
) -> Array:
    """The transpose of :func:`conv2d` in w."""
    f = Filter(
        (weight_shape[2], weight_shape[3]), stride, dilation, _before(padding), (g.shape[2], g.shape[3])
    )
    out = np.zeros(weight_shape, x.dtype)
    for inside, outside in _groups(x.shape[1], g.shape[1], groups):
        _correlate(x[:, inside], g[:, outside], f, out[outside])
    return out


def _before(padding: Padding) -> Pair:
    return padding[0][0], padding[1][0]


def _places(shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pair:
    high, across = (
        (n + sum(pair) - d * (k - 1) - 1) // s + 1
        for n, k, s, pair, d in zip(shape[2:], kernel, stride, padding, dilation, strict=True)
    )
    return high, across


def _groups(channels: int, filters: int, groups: int) -> list[tuple[slice, slice]]:
    """The channels and filters of every group."""
    c, o = channels // groups, filters // groups
    return [(slice(k * c, k * c + c), slice(k * o, k * o + o)) for k in range(groups)]


def _method(f: Filter, channels: int, filters: int, dtype: Any) -> type[Tiles] | type[Columns]:
    return Tiles if suits(f, channels, filters, dtype) else Columns


def _cost(images: int, channels: int, filters: int, f: Filter) -> int:
    return images * channels * filters * math.prod(f.kernel) * math.prod(f.places)


# One group


def _convolve(x: Array, w: Array, f: Filter, out: Array) -> None:
    """Write the convolution to ``out``, which may be a view of every s-th row and column of an array."""
    if not (x.size and w.size and out.size):
        out[...] = 0
        return
    channels = x.shape[1]
    method = _method(f, channels, len(w), x.dtype)
    weights = method.weights(w)

    def work(start: int, stop: int) -> None:
        patches = method(x, f)
        for block in method.blocks(range(start, stop), channels, f):
            patches.emit(weights, patches.lower(block), out, block)

    shared(len(x), work, _cost(len(x), channels, len(w), f))


def _correlate(x: Array, g: Array, f: Filter, out: Array) -> None:
    """Write the filters' gradients to ``out``."""
    if not (x.size and g.size and out.size):
        return
    channels = x.shape[1]
    method = _method(f, channels, g.shape[1], x.dtype)

    def work(start: int, stop: int) -> Array:
        patches = method(x, f)
        total: Array | None = None
        for block in method.blocks(range(start, stop), channels, f):
            part = patches.correlate(g, patches.lower(block), block)
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        return total

    parts = shared(len(x), work, _cost(len(x), channels, g.shape[1], f))
    out[...] = method.filters(reduce(np.add, parts), out.shape)


def _convolve_phases(g: Array, w: Array, f: Filter, out: Array) -> None:
    """The input's gradient as convolutions, one for every phase of the strides. ``out`` holds zeros."""
    flipped = w.swapaxes(0, 1)
    for a in range(min(f.stride[0], out.shape[2])):
        rows = _phase(a, f.kernel[0], f.stride[0], f.dilation[0], f.before[0])
        for b in range(min(f.stride[1], out.shape[3])):
            columns = _phase(b, f.kernel[1], f.stride[1], f.dilation[1], f.before[1])
            if rows and columns:
                part = out[:, :, a :: f.stride[0], b :: f.stride[1]]
                taps = flipped[:, :, rows[0], columns[0]]
                phase = Filter(
                    (taps.shape[2], taps.shape[3]),
                    (1, 1),
                    (rows[1], columns[1]),
                    (rows[2], columns[2]),
                    (part.shape[2], part.shape[3]),
                )
                _convolve(g, taps, phase, part)


def _phase(
    offset: int, kernel: int, stride: int, dilation: int, before: int
) -> tuple[slice, int, int] | None:
    """The filter elements that meet positions ``offset, offset + stride, …`` of the input, backwards, how far
    apart the places they belong to are, and the padding before them; ``None`` if there are none.

    Element i at place q lies on position q·stride + i·dilation − before. So position y·stride + offset meets
    it from place q = y + (offset + before − i·dilation) / stride, where that is whole.
    """
    meeting = [i for i in range(kernel) if (offset + before - i * dilation) % stride == 0]
    if not meeting:
        return None
    step = stride // math.gcd(stride, dilation)
    taps = slice(meeting[-1], meeting[0] - 1 if meeting[0] else None, -step)
    return taps, dilation * step // stride, -((offset + before - meeting[-1] * dilation) // stride)


def _scatter(g: Array, w: Array, f: Filter, out: Array) -> None:
    """Add the patches' gradients to where the patches came from."""
    if not (g.size and w.size and out.size):
        return
    channels, (height, width) = out.shape[1], f.kernel
    weights = Columns.weights(w).T

    def work(start: int, stop: int) -> None:
        scratch = Scratch(g.dtype)
        for block in Columns.blocks(range(start, stop), channels, f):
            upstream = outputs(g, f, block, scratch)
            flat = scratch("patches", height * width * channels, upstream.shape[1])
            np.matmul(weights, upstream, out=flat)
            rows = (block.rows - 1) * f.stride[0] + (height - 1) * f.dilation[0] + 1
            inside = images_inside(f, block)
            whole, logical = across_images(
                scratch, "columns", width, channels, rows, block=block, width=f.places[1], inside=inside
            )
            patches = flat.reshape(height, width, channels, block.rows, *whole.shape[-2:])
            whole[...] = 0
            for i in range(height):
                whole[:, :, row_slice(f, i, block.rows)] += patches[i]
            for j in range(width):
                top = (block.h0 * f.stride[0] - f.before[0], j * f.dilation[1] - f.before[1])
                spill(out[block.n0 : block.n1], images_first(logical[j]), top, (1, f.stride[1]))

    shared(len(g), work, _cost(len(g), channels, g.shape[1], f))


KERNELS: dict[str, Callable[..., Array]] = {
    "conv2d": conv2d,
    "conv2d_input_grad": conv2d_input_grad,
    "conv2d_weight_grad": conv2d_weight_grad,
}
