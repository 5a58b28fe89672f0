"""Batch norm of channels on the second of four axes, a few channels at a time.

As in convolution, images come in any layout of memory and go out with the batch innermost
(:mod:`graphdiff_numpy.patches`): a channel is then one run of numbers, which stays in cache from its mean to
its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff_numpy.patches import batch_first, batch_innermost, result_planes, scratch
from graphdiff_numpy.threads import shared

Array = np.ndarray[Any, Any]
_ACROSS = (0, 2, 3)
_BLOCK = 1 << 16  # elements of the channels that are treated at once
_LONG = 1 << 12  # elements of a row: sums of more lose digits
_COST = 64  # multiply-adds that treating an element takes as long as


def batch_norm(x: Array, weight: Array, bias: Array, eps: float, out: Array | None = None) -> Array:
    """weight · (x − mean) / √(variance + eps) + bias."""
    planes = batch_innermost(x)
    target = result_planes(planes.shape, x.dtype, out)
    rows, results = _rows(planes), _rows(target)

    def work(part: slice) -> None:
        centred = results[part]
        invstd = _centre(rows[part], eps, centred)
        centred *= _column(weight[part]) * invstd
        centred += _column(bias[part])

    _by_channels(rows, work)
    return batch_first(target)


def input_grad(g: Array, x: Array, weight: Array, eps: float, out: Array | None = None) -> Array:
    """weight / σ · (g − mean g − x̂ · mean(g · x̂)), where x̂ = (x − mean) / σ."""
    sums = np.empty(x.shape[1], x.dtype)
    return gradients(g, x, weight, eps, (out, sums))[0]


def weight_grad(g: Array, x: Array, eps: float) -> Array:
    """The sum of g · x̂ over each channel."""
    upstream, rows = _rows(batch_innermost(g)), _rows(batch_innermost(x))
    sums = np.zeros(x.shape[1], x.dtype)

    def work(part: slice) -> None:
        with scratch() as memory:
            centred = memory("centred", x.dtype, *rows[part].shape)
            invstd = _centre(rows[part], eps, centred)
            np.multiply(_products(upstream[part], centred), invstd, out=_column(sums[part]))

    _by_channels(rows, work)
    return sums


def gradients(
    g: Array, x: Array, weight: Array, eps: float, out: tuple[Array | None, Array | None] = (None, None)
) -> tuple[Array, Array]:
    """What :func:`input_grad` and :func:`weight_grad` give, in one pass."""
    planes = batch_innermost(x)
    target = result_planes(planes.shape, x.dtype, out[0])
    sums = np.empty(len(planes), x.dtype) if out[1] is None else out[1]
    sums[...] = 0
    upstream, rows, results = _rows(batch_innermost(g)), _rows(planes), _rows(target)

    def work(part: slice) -> None:
        centred = results[part]
        invstd = _centre(rows[part], eps, centred)
        products = _products(upstream[part], centred)
        np.multiply(products, invstd, out=_column(sums[part]))
        centred *= products / rows[0].size * invstd * invstd
        np.subtract(upstream[part], centred, out=centred)
        centred -= _mean(upstream[part])
        centred *= _column(weight[part]) * invstd

    _by_channels(rows, work)
    return batch_first(target), sums


def var(x: Array, axes: tuple[int, ...], ddof: int, keepdims: bool) -> Array:
    """The sum of squared distances to the mean over n − ddof; of channels with the batch innermost, in one
    pass as in batch norm."""
    n = math.prod(x.shape[axis] for axis in axes)
    if x.ndim != 4 or axes != _ACROSS or not x.transpose(1, 2, 3, 0).flags.c_contiguous:
        wide = _wide(x)
        distances = x - np.sum(x, axes, wide, keepdims=True) / n
        total = np.sum(np.square(distances), axes, wide, keepdims=keepdims)
        result: Array = (total / (n - ddof)).astype(x.dtype, copy=False)
        return result
    rows = _rows(batch_innermost(x))
    sums = np.zeros(x.shape[1], _wide(x))

    def work(part: slice) -> None:
        with scratch() as memory:
            centred = memory("centred", x.dtype, *rows[part].shape)
            np.subtract(rows[part], _mean(rows[part]), out=centred)
            _column(sums[part])[...] = _products(centred, centred)

    _by_channels(rows, work)
    found: Array = (sums / (n - ddof)).astype(x.dtype, copy=False)
    return found.reshape(1, -1, 1, 1) if keepdims else found


def _rows(planes: Array) -> Array:
    """(C, H, W, N) as a row for each channel, or as (C, H, W · N) where rows would be long."""
    if not planes.size:
        return np.empty((0, 0, 0), planes.dtype)
    channels, height, *across = planes.shape
    return planes.reshape(channels, height if height * math.prod(across) > _LONG else 1, -1)


def _column(values: Array) -> Array:
    return values[:, None, None]


def _wide(a: Array) -> Any:
    """The dtype of sums over a channel, which float16 seldom holds."""
    return np.float32 if a.dtype == np.float16 else a.dtype


def _products(a: Array, b: Array) -> Array:
    """The sum of a · b over each channel, as a column: one pass, and nothing written."""
    return _column(np.sum(np.einsum("crk,crk->cr", a, b, dtype=_wide(a)), 1))


def _mean(rows: Array) -> Array:
    mean: Array = _column(np.sum(np.einsum("crk->cr", rows, dtype=_wide(rows)), 1)) / rows[0].size
    return mean


def _centre(rows: Array, eps: float, centred: Array) -> Array:
    """Write the distances to the rows' means; 1/σ as a column."""
    np.subtract(rows, _mean(rows), out=centred)
    variance = _products(centred, centred) / rows[0].size
    result: Array = 1 / np.sqrt(variance + variance.dtype.type(eps))
    return result


def _by_channels(rows: Array, work: Callable[[slice], None]) -> None:
    """``work`` on groups of rows."""
    if not rows.size:
        return
    count = len(rows)
    step = min(max(1, _BLOCK // rows[0].size), -(-count // 2))
    parts = [slice(k, min(k + step, count)) for k in range(0, count, step)]

    def some(start: int, stop: int) -> None:
        for part in parts[start:stop]:
            work(part)

    shared(len(parts), some, _COST * rows.size)


KERNELS: dict[str, Callable[..., Array]] = {
    "batch_norm": batch_norm,
    "batch_norm_input_grad": input_grad,
    "batch_norm_weight_grad": weight_grad,
    "var": var,
}
