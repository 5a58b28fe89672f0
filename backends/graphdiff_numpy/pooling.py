"""Pooling on shifted views: a window over places is a few strided views of the input, taken one after the
other, down the rows first, where they are contiguous, and then across the columns.

The winners of max pooling are found with one byte per place and arithmetic on it: masks and choices
element by element are many times slower. Planes go through in groups that stay in cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

_PLANES = 1 << 17  # elements of the planes that are treated at once


# Windows


def _places(shape: tuple[int, ...], window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pair:
    high, across = (
        (n + sum(pair) - d * (k - 1) - 1) // s + 1
        for n, k, s, pair, d in zip(shape[-2:], window, stride, padding, dilation, strict=True)
    )
    return high, across


def _padded(x: Array, padding: Padding, value: Any) -> Array:
    """The planes with a value around them; the planes themselves where there is no padding."""
    (top, bottom), (left, right) = padding
    if not any((top, bottom, left, right)):
        return x
    height, width = x.shape[-2:]
    out = np.full((*x.shape[:-2], top + height + bottom, left + width + right), value, x.dtype)
    out[..., top : top + height, left : left + width] = x
    return out


def _shifted(x: Array, axis: int, count: int, window: int, stride: int, dilation: int) -> Iterator[Array]:
    """For each element of the window, the elements under it at all ``count`` places along an axis."""
    behind = (slice(None),) * (-1 - axis)
    for k in range(window):
        start = k * dilation
        key: Any = (..., slice(start, start + (count - 1) * stride + 1, stride), *behind)
        yield x[key]


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _by_planes(x: Array, work: Callable[[slice], None]) -> None:
    """``work`` on groups of the planes along the first axis of x."""
    if not x.size:
        return
    step = max(1, _PLANES // math.prod(x.shape[1:]))
    for first in range(0, len(x), step):
        work(slice(first, min(first + step, len(x))))


def _planes(x: Array) -> Array:
    return x.reshape(-1, *x.shape[-2:]) if x.size else np.empty((0, *x.shape[-2:]), x.dtype)


# Max pooling


def max_pool2d(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """The largest element under every place; NaN where there is one."""
    high, across = _places(x.shape, window, stride, padding, dilation)
    out = np.empty((*x.shape[:-2], high, across), x.dtype)
    source, target = _planes(x), _planes(out)
    lowest = _lowest(x.dtype)

    def work(part: slice) -> None:
        planes = _padded(source[part], padding, lowest)
        rows = _largest(_shifted(planes, -2, high, window[0], stride[0], dilation[0]))
        _largest(_shifted(rows, -1, across, window[1], stride[1], dilation[1]), target[part])

    _by_planes(source, work)
    return out


def _largest(views: Iterator[Array], out: Array | None = None) -> Array:
    best = next(views)
    fresh = out
    for view in views:
        best = fresh = np.maximum(best, view, out=fresh)
    if out is not None and best is not out:
        out[...] = best
    return best


def window_argmax(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """The winners' positions in their planes, row by row; the first of equal ones, the last NaN."""
    high, across = _places(x.shape, window, stride, padding, dilation)
    out = np.empty((*x.shape[:-2], high, across), np.int64)
    source, target = _planes(x), _planes(out)
    height, width = x.shape[-2:]
    (top, _), (left, _) = padding
    first = (np.arange(high) * stride[0] - top)[:, None] * width + np.arange(across) * stride[1] - left
    steps = np.arange(window[0])[:, None] * dilation[0] * width + np.arange(window[1]) * dilation[1]

    def work(part: slice) -> None:
        planes = _padded(source[part], padding, _lowest(x.dtype))
        best, code = _winners(planes, window, stride, dilation, (high, across))
        if not (best > _lowest(x.dtype)).all():
            inside = _padded(np.ones((1, height, width), bool), padding, False)
            code = _winners_one_by_one(planes, inside, window, stride, dilation, (high, across))
        np.take(steps.ravel(), code, out=target[part], mode="clip")
        target[part] += first

    _by_planes(source, work)
    return out


def _winners(x: Array, window: Pair, stride: Pair, dilation: Pair, places: Pair) -> tuple[Array, Array]:
    """The largest elements, and the number of each in its window, row by row. NaN never wins, and padding
    does not lose against the lowest number."""
    kind = np.min_scalar_type(window[0] * window[1])
    views = _shifted(x, -2, places[0], window[0], stride[0], dilation[0])
    best = next(views)
    code = np.zeros(best.shape, kind)
    for i, view in enumerate(views, 1):
        better = np.greater(view, best).astype(kind)
        np.maximum(code, np.multiply(better, kind.type(i * window[1]), out=better), out=code)
        best = np.maximum(best, view)
    # Across the columns the earlier row wins a tie, then the earlier column: the lower number.
    bests = _shifted(best, -1, places[1], window[1], stride[1], dilation[1])
    codes = _shifted(code, -1, places[1], window[1], stride[1], dilation[1])
    best, code = next(bests).copy(), next(codes).copy()
    for j, (view, numbers) in enumerate(zip(bests, codes, strict=True), 1):
        rival, number = view.copy(), numbers + kind.type(j)
        better = (rival > best) | ((rival == best) & (number < code))
        change = np.bitwise_xor(number, code, out=number)
        change &= np.negative(better.astype(kind))
        code ^= change
        np.maximum(best, rival, out=best)
    return best, code


def _winners_one_by_one(
    x: Array, inside: Array, window: Pair, stride: Pair, dilation: Pair, places: Pair
) -> Array:
    """The same where NaNs win and padding never does."""
    best = np.full((len(x), *places), _lowest(x.dtype), x.dtype)
    code = np.full(best.shape, -1)
    number = 0
    for rows, real_rows in zip(
        _shifted(x, -2, places[0], window[0], stride[0], dilation[0]),
        _shifted(inside, -2, places[0], window[0], stride[0], dilation[0]),
        strict=True,
    ):
        for view, real in zip(
            _shifted(rows, -1, places[1], window[1], stride[1], dilation[1]),
            _shifted(real_rows, -1, places[1], window[1], stride[1], dilation[1]),
            strict=True,
        ):
            better = real & ((code < 0) | (view > best) | (view != view))
            np.copyto(best, view, where=better)
            np.copyto(code, number, where=better)
            number += 1
    return code


def window_gather(x: Array, index: Array) -> Array:
    """x[…, index], positions counted within each plane."""
    out = np.empty(index.shape, x.dtype)
    source, where, target = _planes(x), _planes(index), _planes(out)
    planes = np.arange(len(source)) * math.prod(x.shape[-2:])

    def work(part: slice) -> None:
        spots = where[part] + planes[: part.stop - part.start, None, None]
        np.take(source[part].reshape(-1), spots, out=target[part], mode="clip")

    _by_planes(source, work)
    return out


def window_scatter(g: Array, index: Array, shape: Pair) -> Array:
    """g added at the positions of a plane."""
    out = np.zeros((*g.shape[:-2], *shape), g.dtype)
    source, where, target = _planes(g), _planes(index), _planes(out)

    def work(part: slice) -> None:
        planes = np.arange(part.stop - part.start) * math.prod(shape)
        spots = where[part] + planes[:, None, None]
        np.add.at(target[part].reshape(-1), spots.ravel(), source[part].ravel())

    _by_planes(source, work)
    return out


# Sums


def window_sum(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """The sum of what lies under every place."""
    high, across = _places(x.shape, window, stride, padding, (1, 1))
    out = np.empty((*x.shape[:-2], high, across), x.dtype)
    source, target = _planes(x), _planes(out)

    def work(part: slice) -> None:
        planes = _padded(source[part], padding, 0)
        rows = _total(_shifted(planes, -2, high, window[0], stride[0], 1))
        target[part] = _total(_shifted(rows, -1, across, window[1], stride[1], 1))

    _by_planes(source, work)
    return out


def _total(views: Iterator[Array]) -> Array:
    total = next(views)
    fresh: Array | None = None
    for view in views:
        total = fresh = np.add(total, view, out=fresh)
    return total


def window_spread(g: Array, window: Pair, stride: Pair, padding: Padding, shape: Pair) -> Array:
    """The transpose of :func:`window_sum`: every place adds its number to all that lies under it."""
    (top, bottom), (left, right) = padding
    height, width = shape
    high, across = g.shape[-2:]
    out = np.empty((*g.shape[:-2], height, width), g.dtype)
    source, target = _planes(g), _planes(out)

    def work(part: slice) -> None:
        count = part.stop - part.start
        wide = np.zeros((count, high, left + width + right), g.dtype)
        for view in _shifted(wide, -1, across, window[1], stride[1], 1):
            view += source[part]
        whole = np.zeros((count, top + height + bottom, width), g.dtype)
        for view in _shifted(whole, -2, high, window[0], stride[0], 1):
            view += wide[..., left : left + width]
        target[part] = whole[:, top : top + height]

    _by_planes(source, work)
    return out


def channel_window_sum(x: Array, before: int, after: int) -> Array:
    """Each channel with the ``before`` channels in front of it and the ``after`` behind."""
    out = np.array(x, order="C")
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
