"""Pooling on shifted views: what one element of a window meets at all places is a strided view of the input.

As in convolution, images come in any layout of memory and go out with the batch innermost
(:mod:`graphdiff_numpy.patches`), where such views are long runs. Views end at the input's edge, so padding
takes no part. Maxima and sums go down the rows first and then across the columns; winners are found element
by element of the window, with one byte per place and arithmetic on it: choosing by masks is many times
slower. Channels go through in groups that stay in cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphdiff_numpy.patches import Padding, Pair, batch_first, batch_innermost, copy, reached, result_planes
from graphdiff_numpy.threads import shared

Array = np.ndarray[Any, Any]

_GROUP = 1 << 17  # elements of the channels that are treated at once


# Windows


def _places(shape: tuple[int, ...], window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pair:
    high, across = (
        (n + sum(pair) - d * (k - 1) - 1) // s + 1
        for n, k, s, pair, d in zip(shape[-2:], window, stride, padding, dilation, strict=True)
    )
    return high, across


def _met(
    places: int, size: int, window: int, stride: int, pair: Pair, dilation: int = 1
) -> Iterator[tuple[slice, slice]]:
    """For each element of a window along an axis of that size: at which places it lies on the input, and on
    which positions."""
    for k in range(window):
        yield reached(k * dilation - pair[0], stride, places, size)


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _by_channels(x: Array, passes: int, work: Callable[[slice], None]) -> None:
    """``work`` on groups of x's channels; every element is passed over so often."""
    if not x.size:
        return
    step = min(max(1, _GROUP // math.prod(x.shape[1:])), -(-len(x) // 2))
    groups = [slice(k, min(k + step, len(x))) for k in range(0, len(x), step)]

    def some(start: int, stop: int) -> None:
        for part in groups[start:stop]:
            work(part)

    shared(len(groups), some, 8 * passes * x.size)


# Max pooling


def max_pool2d(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """The largest element under every place; NaN where there is one."""
    high, across = _places(x.shape, window, stride, padding, dilation)
    source = batch_innermost(x)
    channels, height, width, images = source.shape
    out = np.empty((channels, high, across, images), x.dtype)
    lowest = _lowest(x.dtype)

    def work(part: slice) -> None:
        rows = np.full((part.stop - part.start, high, width, images), lowest, x.dtype)
        for at, under in _met(high, height, window[0], stride[0], padding[0], dilation[0]):
            np.maximum(rows[:, at], source[part, under], out=rows[:, at])
        target = out[part]
        target[...] = lowest
        for at, under in _met(across, width, window[1], stride[1], padding[1], dilation[1]):
            np.maximum(target[:, :, at], rows[:, :, under], out=target[:, :, at])

    _by_channels(source, sum(window), work)
    return batch_first(out)


def window_argmax(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """The winners' positions in their planes, row by row; the first of equal ones, the last NaN."""
    return max_and_argmax(x, window, stride, padding, dilation)[1]


def max_and_argmax(
    x: Array,
    window: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    out: tuple[Array | None, Array | None] = (None, None),
) -> tuple[Array, Array]:
    """What :func:`max_pool2d` and :func:`window_argmax` give, in one pass."""
    high, across = _places(x.shape, window, stride, padding, dilation)
    source = batch_innermost(x)
    channels, height, width, images = source.shape
    largest = result_planes((channels, high, across, images), x.dtype, out[0])
    index = result_planes(largest.shape, np.int64, out[1])
    rows = list(_met(high, height, window[0], stride[0], padding[0], dilation[0]))
    columns = list(_met(across, width, window[1], stride[1], padding[1], dilation[1]))
    # Where each window starts, in front of the plane if padded, and how far its elements are from there.
    starts = (np.arange(high) * stride[0] - padding[0][0])[:, None] * width
    starts = (starts + np.arange(across) * stride[1] - padding[1][0])[..., None]
    steps = np.arange(window[0])[:, None] * dilation[0] * width + np.arange(window[1]) * dilation[1]
    kind, lowest = np.min_scalar_type(steps.size), _lowest(x.dtype)
    first = _first(rows, high)[:, None, None] * window[1] + _first(columns, across)[:, None]

    def work(part: slice) -> None:
        best, number = largest[part], np.empty(index[part].shape, kind)
        best[...], number[...] = lowest, first
        for i, (at_rows, under_rows) in enumerate(rows):
            for j, (at, under) in enumerate(columns):
                _challenge(
                    _together(source[part, under_rows, under]),
                    best[:, at_rows, at],
                    number[:, at_rows, at],
                    kind.type(i * window[1] + j),
                )
        np.take(steps.ravel(), number, out=index[part], mode="clip")
        index[part] += starts

    _by_channels(source, 2 * steps.size, work)
    return batch_first(largest), batch_first(index)


def _first(met: list[tuple[slice, slice]], places: int) -> Array:
    """The first element of the window that lies on the input, at each place along an axis."""
    result = np.zeros(places, np.int64)
    for k, (at, _) in reversed(list(enumerate(met))):
        result[at] = k
    return result


def _together(view: Array) -> Array:
    """The view, or a copy where a stride leaves only the images of one position side by side: arithmetic on
    many short runs is slower than a copy."""
    if view.strides[2] == view.shape[3] * view.itemsize:
        return view
    result = np.empty(view.shape, view.dtype)
    copy(result, view)
    return result


def _challenge(rival: Array, best: Array, number: Array, k: Any) -> None:
    """Let element k of the window, later than all before, compete."""
    better = rival > best
    if rival.dtype.kind == "f":
        better |= np.isnan(rival)
    np.maximum(best, rival, out=best)
    numbers = better.view(np.uint8).astype(number.dtype, copy=False)
    np.maximum(number, np.multiply(numbers, k, out=numbers), out=number)


def window_gather(x: Array, index: Array) -> Array:
    """x[…, index], positions counted within each plane."""
    source, where = batch_innermost(x), batch_innermost(index)
    out = np.empty(where.shape, x.dtype)

    def work(part: slice) -> None:
        planes = source[part]
        np.take(planes.reshape(-1), _spots(where[part], planes), out=out[part], mode="clip")

    _by_channels(where, 4, work)
    return batch_first(out)


def window_scatter(g: Array, index: Array, shape: Pair, out: Array | None = None) -> Array:
    """g added at the positions of a plane."""
    source, where = batch_innermost(g), batch_innermost(index)
    target = result_planes((len(source), *shape, source.shape[3]), g.dtype, out)

    def work(part: slice) -> None:
        planes = target[part]
        planes[...] = 0
        np.add.at(planes.reshape(-1), _spots(where[part], planes).ravel(), source[part].ravel())

    _by_channels(target, 4, work)
    return batch_first(target)


def _spots(index: Array, planes: Array) -> Array:
    """Where the positions lie in the memory of the channels' planes."""
    channels, height, width, images = planes.shape
    offsets = np.arange(channels)[:, None, None, None] * (height * width * images) + np.arange(images)
    spots: Array = index * images
    spots += offsets
    return spots


# Sums


def window_sum(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """The sum of what lies under every place."""
    high, across = _places(x.shape, window, stride, padding, (1, 1))
    source = batch_innermost(x)
    channels, height, width, images = source.shape
    out = np.zeros((channels, high, across, images), x.dtype)

    def work(part: slice) -> None:
        rows = np.zeros((part.stop - part.start, high, width, images), x.dtype)
        for at, under in _met(high, height, window[0], stride[0], padding[0]):
            rows[:, at] += source[part, under]
        target = out[part]
        for at, under in _met(across, width, window[1], stride[1], padding[1]):
            target[:, :, at] += rows[:, :, under]

    _by_channels(source, sum(window), work)
    return batch_first(out)


def window_spread(g: Array, window: Pair, stride: Pair, padding: Padding, shape: Pair) -> Array:
    """The transpose of :func:`window_sum`: every place adds its number to all that lies under it."""
    source = batch_innermost(g)
    channels, high, across, images = source.shape
    height, width = shape
    out = np.zeros((channels, height, width, images), g.dtype)

    def work(part: slice) -> None:
        rows = np.zeros((part.stop - part.start, high, width, images), g.dtype)
        for at, under in _met(across, width, window[1], stride[1], padding[1]):
            rows[:, :, under] += source[part, :, at]
        target = out[part]
        for at, under in _met(high, height, window[0], stride[0], padding[0]):
            target[:, under] += rows[:, at]

    _by_channels(out, sum(window), work)
    return batch_first(out)


def channel_window_sum(x: Array, before: int, after: int) -> Array:
    """Each channel with the ``before`` channels in front of it and the ``after`` behind."""
    out = np.array(x)
    n = x.shape[1]
    for k in range(1, min(before, n - 1) + 1):
        out[:, k:] += x[:, :-k]
    for k in range(1, min(after, n - 1) + 1):
        out[:, :-k] += x[:, k:]
    return out


KERNELS: dict[str, Callable[..., Array]] = {
    "max_pool2d": max_pool2d,
    "window_argmax": window_argmax,
    "window_gather": window_gather,
    "window_scatter": window_scatter,
    "window_sum": window_sum,
    "window_spread": window_spread,
    "channel_window_sum": channel_window_sum,
}
