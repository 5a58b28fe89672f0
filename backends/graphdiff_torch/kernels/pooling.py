"""Windows over images. Canonical padding is a pair (before, after) per axis; torch's kernels take one number
for both sides and clip their windows to the image, so what lies after it only decides how many places
there are. Where no setting of theirs gives as many places, the padding is made real first.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from graphdiff.kernels import Kernels
from graphdiff_torch.kernels.notes import note, noted

Array = Any
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


class _Native(NamedTuple):
    """The padding and the rounding with which torch has the places that are wanted."""

    padding: Pair
    ceil: bool


def _places(size: Pair, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pair:
    high, across = (
        (n + sum(pair) - d * (k - 1) - 1) // s + 1
        for n, k, s, pair, d in zip(size, window, stride, padding, dilation, strict=True)
    )
    return high, across


@lru_cache(4096)
def torch_settings(
    size: Pair, window: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> _Native | None:
    wanted = _places(size, window, stride, padding, dilation)
    before = (padding[0][0], padding[1][0])
    if any(2 * p > k for p, k in zip(before, window, strict=True)) or not all(size):
        return None
    for ceil in (False, True):
        axes = zip(size, window, stride, before, dilation, strict=True)
        if tuple(_torchs_places(*axis, ceil) for axis in axes) == wanted:
            return _Native(before, ceil)
    return None


def _torchs_places(n: int, window: int, stride: int, before: int, dilation: int, ceil: bool) -> int:
    free = n + 2 * before - dilation * (window - 1) - 1
    count = (-(-free // stride) if ceil else free // stride) + 1
    # The last window must start on the image or the padding before it.
    return count - 1 if ceil and (count - 1) * stride >= n + before else count


def _padded(x: Array, padding: Padding, value: float) -> Array:
    (top, bottom), (left, right) = padding
    if not any((top, bottom, left, right)):
        return x
    return torch.nn.functional.pad(x, (left, right, top, bottom), value=value)


def _windows(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair, value: float) -> Array:
    """(N, C, places down, places across, window's elements)."""
    places = _places(x.shape[-2:], window, stride, padding, dilation)
    x = _padded(x, padding, value).contiguous()
    across = x.stride(-1)
    down = x.stride(-2)
    shape = (*x.shape[:-2], *places, *window)
    steps = (stride[0] * down, stride[1] * across, dilation[0] * down, dilation[1] * across)
    return x.as_strided(shape, (*x.stride()[:-2], *steps)).flatten(-2)


def _lowest(x: Array) -> float:
    return -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min


# Max pooling


def _max_pool2d(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    native = (
        torch_settings(x.shape[-2:], window, stride, padding, dilation) if x.is_floating_point() else None
    )
    if native is None or not x.numel():
        return _windows(x, window, stride, padding, dilation, _lowest(x)).amax(-1)
    return torch.max_pool2d(x, window, stride, native.padding, dilation, native.ceil)


def _window_argmax(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    native = (
        torch_settings(x.shape[-2:], window, stride, padding, dilation) if x.is_floating_point() else None
    )
    if native is None or not x.numel():
        return _found_among_windows(x, window, stride, padding, dilation)
    return torch.ops.aten.max_pool2d_with_indices(x, window, stride, native.padding, dilation, native.ceil)[1]


def _noted_max_pool2d(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """Eagerly: torch finds where the largest elements are in any case, and the way back will ask."""
    settings = (window, stride, padding, dilation)
    native = torch_settings(x.shape[-2:], *settings) if x.is_floating_point() else None
    if native is None or not x.numel():
        return _max_pool2d(x, *settings)
    out, index = torch.ops.aten.max_pool2d_with_indices(
        x, window, stride, native.padding, dilation, native.ceil
    )
    note(x, "pooled", (settings, index))
    return out


def _noted_argmax(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    settings = (window, stride, padding, dilation)
    of, found = noted(x, "pooled") or (None, None)
    return found if of == settings else _window_argmax(x, *settings)


def _found_among_windows(x: Array, window: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """The first of the largest elements, the last NaN, and never padding where there is anything else."""
    height, width = x.shape[-2:]
    settings = (window, stride, padding, dilation)
    values = _windows(x, *settings, _lowest(x))
    inside = _windows(torch.ones_like(x, dtype=torch.uint8), *settings, 0) > 0
    spots = torch.arange(height * width, device=x.device).view(1, 1, height, width)
    spots = _windows(spots, *settings, 0).expand(values.shape)
    none = values != values
    best = inside & (values == values.amax(-1, keepdim=True))
    last = values.shape[-1] - 1 - none.flip(-1).to(torch.uint8).argmax(-1, keepdim=True)
    first = best.to(torch.uint8).argmax(-1, keepdim=True)
    return spots.gather(-1, torch.where(none.any(-1, keepdim=True), last, first)).squeeze(-1)


def _window_gather(x: Array, index: Array) -> Array:
    return x.flatten(-2).gather(-1, index.flatten(-2)).view(index.shape)


def _window_scatter(g: Array, index: Array, shape: Pair) -> Array:
    out = g.new_zeros((*g.shape[:-2], math.prod(shape)))
    return out.scatter_add_(-1, index.flatten(-2), g.flatten(-2)).view(*g.shape[:-2], *shape)


# Sums


def _window_sum(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    if not x.is_floating_point() or not x.numel():
        return _windows(x, window, stride, padding, (1, 1), 0).sum(-1, dtype=x.dtype)
    native = torch_settings(x.shape[-2:], window, stride, padding, (1, 1))
    if native is None:
        x, native = _padded(x, padding, 0), _Native((0, 0), False)
    return torch.nn.functional.avg_pool2d(x, window, stride, native.padding, native.ceil, True, 1)


def _window_spread(g: Array, window: Pair, stride: Pair, padding: Padding, shape: Pair) -> Array:
    if not g.is_floating_point():
        return _window_spread(g.to(torch.float64), window, stride, padding, shape).to(g.dtype)
    if not g.numel():
        return g.new_zeros((*g.shape[:-2], *shape))
    (top, bottom), (left, right) = padding
    native, size = torch_settings(shape, window, stride, padding, (1, 1)), shape
    if native is None:
        size, native_padding, ceil = (top + shape[0] + bottom, left + shape[1] + right), (0, 0), False
    else:
        native_padding, ceil = native
    like = g.new_empty((*g.shape[:-2], *size))  # torch reads its shape alone
    out = torch.ops.aten.avg_pool2d_backward(g, like, window, stride, native_padding, ceil, True, 1)
    return out if native else out[..., top : top + shape[0], left : left + shape[1]]


def _channel_window_sum(x: Array, before: int, after: int) -> Array:
    out, n = x.clone(), x.shape[1]
    for k in range(1, min(before, n - 1) + 1):
        out[:, k:] += x[:, :-k]
    for k in range(1, min(after, n - 1) + 1):
        out[:, :-k] += x[:, k:]
    return out


POOLING: Kernels = {
    "max_pool2d": _max_pool2d,
    "window_argmax": _window_argmax,
    "window_gather": _window_gather,
    "window_scatter": _window_scatter,
    "window_sum": _window_sum,
    "window_spread": _window_spread,
    "channel_window_sum": _channel_window_sum,
}

NOTED_POOLING: Kernels = {"max_pool2d": _noted_max_pool2d, "window_argmax": _noted_argmax}
