"""Pooling: one number for what lies under a window, at each of its places; tensors are laid out NCHW."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphdiff.arguments import check_flags
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.graph import Shape
from graphdiff.leaf import as_tensor, leaf
from graphdiff.ops.common import kept, locating
from graphdiff.ops.indexing import take
from graphdiff.ops.linear import matmul
from graphdiff.ops.reduction import as_floating, mean
from graphdiff.ops.shape import expand_dims, squeeze, swapaxes
from graphdiff.ops.spatial import fitted, integers, lifted, spans
from graphdiff.ops.windows import channel_sum, check_rank, largest, window_sum
from graphdiff.tensor import Tensor


def max_pool2d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    rounding: str = "exact",
) -> Tensor:
    """The largest element under each place of a window.

    Args:
        x: (N, C, H, W).
        window: an integer, or (height, width).
        stride: the window by default, so that places do not overlap.
        padding: an integer, one per axis, a pair (before, after) per axis, ``"valid"`` or ``"same"``; what
            is padded counts as −∞. At most half of what the window spans.
        dilation: the distance of neighbouring elements under the window.
        rounding: where (H − F + 2P) / stride + 1 is not whole, ``"exact"`` refuses, ``"floor"`` leaves the
            end out, ``"ceil"`` lets a last window reach beyond the padding (the ceil mode of others).

    Returns:
        (N, C, H', W'). Among equal elements the first, row by row, gets the gradient.

    Raises:
        ShapeError: a wrong rank, a window larger than the padded image, or one that does not fit; then the
            message shows the sum and the nearest strides and paddings that fit.
        ArgumentError: a parameter that is not understood, or too much padding.
    """
    return _max_pooled("max_pool2d", x, (window, stride, padding, dilation, rounding), 2)


def max_pool1d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    rounding: str = "exact",
) -> Tensor:
    """:func:`max_pool2d` on sequences (N, C, L); ``padding`` may be a pair (before, after)."""
    return _max_pooled("max_pool1d", x, (window, stride, padding, dilation, rounding), 1)


def avg_pool2d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
    rounding: str = "exact",
) -> Tensor:
    """The mean of what lies under each place of a window.

    Args:
        x: (N, C, H, W); integers become float64.
        count_include_pad: whether padded zeros count as elements, as torch has it. What a last window
            covers beyond the padding never does.
        The rest as for :func:`max_pool2d`, with padding by zeros.

    Raises:
        ShapeError, ArgumentError: as for :func:`max_pool2d`.
    """
    return _avg_pooled("avg_pool2d", x, (window, stride, padding, rounding), count_include_pad, 2)


def avg_pool1d(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
    rounding: str = "exact",
) -> Tensor:
    """:func:`avg_pool2d` on sequences (N, C, L); ``padding`` may be a pair (before, after)."""
    return _avg_pooled("avg_pool1d", x, (window, stride, padding, rounding), count_include_pad, 1)


def _max_pooled(operation: str, x: Any, options: tuple[Any, ...], rank: int) -> Tensor:
    x = as_tensor(x)
    window, stride, padding, dilation, rounding = options
    with locating(operation, x):
        window, stride, dilation, _, pairs = _windows(
            x.shape, window, stride, padding, dilation, rounding, rank
        )
    lift = rank == 1
    out = largest(
        expand_dims(x, 2) if lift else x,
        window=lifted(window, 1),
        stride=lifted(stride, 1),
        padding=lifted(pairs, (0, 0)),
        dilation=lifted(dilation, 1),
    )
    return squeeze(out, 2) if lift else out


def _avg_pooled(operation: str, x: Any, options: tuple[Any, ...], include: bool, rank: int) -> Tensor:
    x = as_floating(x)
    window, stride, padding, rounding = options
    with locating(operation, x):
        check_flags(count_include_pad=include)
        window, stride, _, asked, pairs = _windows(x.shape, window, stride, padding, 1, rounding, rank)
    lift = rank == 1
    out = window_sum(
        expand_dims(x, 2) if lift else x,
        window=lifted(window, 1),
        stride=lifted(stride, 1),
        padding=lifted(pairs, (0, 0)),
    )
    out = squeeze(out, 2) if lift else out
    if pairs == asked and (include or not any(map(any, pairs))):
        return out / float(math.prod(window))
    counts = np.ones(())
    for n, k, s, inside, (before, _), places in zip(
        x.shape[2:], window, stride, asked, pairs, out.shape[2:], strict=True
    ):
        edges = (-before, n + inside[1]) if include else (0, n)
        counts = counts[..., None] * _covered(np.arange(places) * s - before, k, *edges)
    return out / leaf(counts, x.dtype, backend=x.backend)


def _covered(starts: Any, window: int, low: int, high: int) -> Any:
    """How many elements of each window lie from ``low`` on and before ``high``."""
    return np.minimum(starts + window, high) - np.maximum(starts, low)


def _windows(
    shape: Shape, window: Any, stride: Any, padding: Any, dilation: Any, rounding: str, rank: int
) -> tuple[Any, ...]:
    """Canonical window, stride and dilation, the padding that was asked for, and that with which rounding
    down gives what was asked for."""
    check_rank(shape, rank)
    window = integers("window", window, rank)
    stride = window if stride is None else integers("stride", stride, rank)
    dilation = integers("dilation", dilation, rank)
    pairs = fitted(shape[2:], window, stride, padding, dilation, rounding, "window")
    asked = pairs if rounding != "ceil" else fitted(shape[2:], window, stride, padding, dilation, "floor")
    for span, pair in zip(spans(window, dilation), asked, strict=True):
        if max(pair) > span // 2:
            raise ArgumentError(
                f"padding {pair} is more than half of the window, which spans {span}",
                fix="a window must lie on the input by half",
            )
    return window, stride, dilation, asked, pairs


# To a given size


def adaptive_avg_pool2d(x: Any, size: Any) -> Tensor:
    """The mean over windows that cut the image into ``size`` = (height, width) places: place i of n along H
    elements covers ⌊i·H/n⌋ … ⌈(i + 1)·H/n⌉ − 1, so neighbours may overlap.

    Args:
        x: (N, C, H, W); integers become float64.

    Raises:
        ShapeError: a wrong rank, or an image without elements. ArgumentError: a size that is not understood.
    """
    x = as_floating(x)
    size = _adaptive_size("adaptive_avg_pool2d", x, size)
    if all(n % k == 0 for n, k in zip(x.shape[2:], size, strict=True)):
        return avg_pool2d(x, tuple(n // k for n, k in zip(x.shape[2:], size, strict=True)))
    down, across = (
        leaf(_averages(n, k), x.dtype, backend=x.backend) for n, k in zip(x.shape[2:], size, strict=True)
    )
    return matmul(matmul(down, x), swapaxes(across, 0, 1))


def adaptive_max_pool2d(x: Any, size: Any) -> Tensor:
    """The largest element of each of the windows of :func:`adaptive_avg_pool2d`.

    Raises:
        ShapeError, ArgumentError: as there.
    """
    x = as_tensor(x)
    size = _adaptive_size("adaptive_max_pool2d", x, size)
    window = []
    for axis, places in enumerate(size, 2):
        n = x.shape[axis]
        edges = [(i * n // places, -(-(i + 1) * n // places)) for i in range(places)]
        window.append(max(stop - start for start, stop in edges))
        if n % places:
            # All windows as long as the longest: what a shorter one lacks repeats its last element.
            rows = [min(start + k, stop - 1) for start, stop in edges for k in range(window[-1])]
            x = take(x, np.array(rows), axis)
    return max_pool2d(x, tuple(window))


def _adaptive_size(operation: str, x: Tensor, size: Any) -> Sequence[int]:
    with locating(operation, x):
        check_rank(x.shape, 2)
        if not all(x.shape[2:]):
            raise ShapeError(f"an image of {x.shape[2:]} has no elements", fix="give one at least")
        found = integers("size", size, 2)
        if math.prod(found) > 1 << 31:
            raise ShapeError(f"no image is as large as {found}", fix="give a smaller size")
        return found


def _averages(n: int, places: int) -> Any:
    """The matrix whose rows average n elements over the windows of adaptive pooling."""
    index, at = np.arange(n), np.arange(places)[:, None]
    start, stop = at * n // places, -(-(at + 1) * n // places)
    return ((index >= start) & (index < stop)) / (stop - start)


def global_avg_pool2d(x: Any, keepdims: bool = False) -> Tensor:
    """The mean over each plane: (N, C, H, W) -> (N, C), or (N, C, 1, 1) with ``keepdims``.

    Raises:
        ShapeError: a wrong rank.
    """
    x = as_tensor(x)
    with locating("global_avg_pool2d", x):
        check_rank(x.shape, 2)
    return mean(x, (2, 3), keepdims)


def global_max_pool2d(x: Any, keepdims: bool = False) -> Tensor:
    """The largest element of each plane: (N, C, H, W) -> (N, C), or (N, C, 1, 1) with ``keepdims``; among
    equal ones the first gets the gradient.

    Raises:
        ShapeError: a wrong rank, or planes without elements.
    """
    x = as_tensor(x)
    keepdims = kept("global_max_pool2d", x, keepdims)
    _adaptive_size("global_max_pool2d", x, 1)
    out = max_pool2d(x, x.shape[2:])
    return out if keepdims else squeeze(out, (2, 3))


def channel_window_sum(x: Any, size: int) -> Tensor:
    """Sums of ``size`` neighbouring channels (the second axis): ⌊size / 2⌋ before each, the rest behind it,
    as far as there are any. Local response normalisation is made of them.

    Raises:
        ShapeError: fewer than two axes. ArgumentError: a size below 1.
    """
    x = as_tensor(x)
    with locating("channel_window_sum", x):
        (count,) = integers("size", size, 1)
    return channel_sum(x, before=count // 2, after=(count - 1) // 2)
