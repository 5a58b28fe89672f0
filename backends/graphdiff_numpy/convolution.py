"""Convolution by matrix products, block by block: one for the outputs, one for the filters' gradients.

Images come in any layout of memory and go out with the batch innermost (:mod:`graphdiff_numpy.patches`), so
that in a network only the first convolution has anything to convert: elementwise operations keep their
operands' layout.

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
    Block,
    Filter,
    Padding,
    Pair,
    Patches,
    Scratch,
    batch_first,
    batch_innermost,
    result_planes,
    scratch,
    spill,
)
from graphdiff_numpy.threads import shared
from graphdiff_numpy.winograd import Tiles, suits

Array = np.ndarray[Any, Any]
_FEW = 16  # channels of the input
_COPY = 24  # multiply-adds that copying an element of a patch takes as long as
_NARROW = 128  # filters: BLAS is faster with the patches in front


def conv2d(
    x: Array,
    w: Array,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: Array | None = None,
) -> Array:
    """x (N, C, H, W), w (O, C / groups, kernel) -> (N, O, places)."""
    kernel = (w.shape[2], w.shape[3])
    f = Filter(
        kernel, stride, dilation, _before(padding), _places(x.shape, kernel, stride, padding, dilation)
    )
    planes = batch_innermost(x)
    target = result_planes((len(w), *f.places, len(x)), x.dtype, out)
    for inside, outside in _groups(x.shape[1], len(w), groups):
        _convolve(planes[inside], w[outside], f, target[outside])
    return batch_first(target)


def conv2d_input_grad(
    g: Array,
    w: Array,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    input_shape: tuple[int, ...],
    out: Array | None = None,
) -> Array:
    """The transpose of :func:`conv2d` in x."""
    few = input_shape[1] // groups < min(_FEW, w.shape[0] // groups)
    f = Filter((w.shape[2], w.shape[3]), stride, dilation, _before(padding), (g.shape[2], g.shape[3]))
    planes = batch_innermost(g)
    target = result_planes((*input_shape[1:], input_shape[0]), g.dtype, out)
    if few or f.stride != (1, 1):  # places that no filter meets
        target[...] = 0
    for inside, outside in _groups(input_shape[1], g.shape[1], groups):
        (_scatter if few else _convolve_phases)(planes[outside], w[outside], f, target[inside])
    return batch_first(target)


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
    planes, upstream = batch_innermost(x), batch_innermost(g)
    out = np.zeros(weight_shape, x.dtype)
    for inside, outside in _groups(x.shape[1], g.shape[1], groups):
        _correlate(planes[inside], upstream[outside], f, out[outside])
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


def _cost(channels: int, filters: int, images: int, f: Filter) -> int:
    return images * channels * (filters + _COPY) * f.size * math.prod(f.places)


# One group


def _convolve(x: Array, w: Array, f: Filter, out: Array) -> None:
    """Write the convolution to ``out``, which may be a view of every s-th row and column of an array."""
    if not (x.size and w.size and out.size):
        out[...] = 0
        return
    channels, images = len(x), x.shape[3]
    method = _method(f, channels, len(w), images, x.dtype)
    weights, parts = method.weights(w), method.blocks(f, images, channels, len(w))

    def work(start: int, stop: int) -> None:
        with scratch() as memory:
            for block in parts[start:stop]:
                method.emit(weights, method.lower(x, f, block, memory), block.of(out), memory)

    shared(len(parts), work, _cost(channels, len(w), images, f))


def _correlate(x: Array, g: Array, f: Filter, out: Array) -> None:
    """Write the filters' gradients to ``out``."""
    if not (x.size and g.size and out.size):
        return
    channels, filters, images = len(x), len(g), x.shape[3]
    method = _method(f, channels, filters, images, x.dtype)
    # A part of the sum has as many elements as the filters: the matrices should not have fewer.
    parts = method.blocks(f, images, channels, filters, least=filters)
    narrow = filters <= _NARROW

    def sum_of(some: list[Block]) -> Array:
        total: Array | None = None
        with scratch() as memory:
            for block in some:
                under = method.lower(x, f, block, memory)
                upstream = method.upstream(block.of(g), memory)
                part = (under @ upstream.mT).mT if narrow else upstream @ under.mT
                total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        return total

    def work(start: int, stop: int) -> None:
        sums[start:stop] = map(sum_of, summed[start:stop])

    # As many sums on every machine, or rounding would depend on the number of threads.
    half = len(parts) // 2
    summed = [some for some in (parts[:half], parts[half:]) if some]
    sums: list[Array] = [out] * len(summed)
    shared(len(summed), work, _cost(channels, filters, images, f))
    out[...] = method.filters(reduce(np.add, sums), out.shape)


def _method(f: Filter, channels: int, filters: int, images: int, dtype: Any) -> type[Tiles] | type[Patches]:
    return Tiles if suits(f, channels, filters, images, dtype) else Patches


def _convolve_phases(g: Array, w: Array, f: Filter, out: Array) -> None:
    """The input's gradient as convolutions, one for every phase of the strides. ``out`` holds zeros
    where strides are over one."""
    flipped = w.swapaxes(0, 1)
    for a in range(min(f.stride[0], out.shape[1])):
        rows = _phase(a, f.kernel[0], f.stride[0], f.dilation[0], f.before[0])
        for b in range(min(f.stride[1], out.shape[2])):
            columns = _phase(b, f.kernel[1], f.stride[1], f.dilation[1], f.before[1])
            if rows and columns:
                part = out[:, a :: f.stride[0], b :: f.stride[1]]
                taps = flipped[:, :, rows[0], columns[0]]
                phase = Filter(
                    (taps.shape[2], taps.shape[3]),
                    (1, 1),
                    (rows[1], columns[1]),
                    (rows[2], columns[2]),
                    (part.shape[1], part.shape[2]),
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
    channels, filters, images = len(out), len(g), g.shape[3]
    half = -(-channels // 2)  # on every machine: in other parts BLAS may round otherwise
    parts = [slice(k, min(k + half, channels)) for k in range(0, channels, half)]

    def work(start: int, stop: int) -> None:
        with scratch() as memory:
            for part in parts[start:stop]:
                _scatter_channels(g, w[:, part], f, out[part], memory)

    shared(len(parts), work, _cost(channels, filters, images, f))


def _scatter_channels(g: Array, w: Array, f: Filter, out: Array, memory: Scratch) -> None:
    weights = Patches.weights(w).T
    shape = (len(out), *f.kernel)
    for block in Patches.blocks(f, g.shape[3], len(out), len(g)):
        upstream = block.of(g)
        flat = memory("patches", g.dtype, *shape, *upstream.shape[1:])
        np.matmul(weights, upstream.reshape(len(g), -1), out=flat.reshape(len(weights), -1))
        for i in range(f.kernel[0]):
            for j in range(f.kernel[1]):
                spill(flat[:, i, j], out, f, block, (i, j))


KERNELS: dict[str, Callable[..., Array]] = {
    "conv2d": conv2d,
    "conv2d_input_grad": conv2d_input_grad,
    "conv2d_weight_grad": conv2d_weight_grad,
}
