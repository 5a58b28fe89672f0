"""Batch norm of channels on the second of four axes, a few channels at a time.

As in convolution, images come in any layout of memory and go out with the batch innermost
(:mod:`graphdiff_numpy.patches`): a channel is then one run of numbers, which stays in cache from its mean to
its result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff_numpy.patches import batch_first, batch_innermost, result_planes, scratch

Array = np.ndarray[Any, Any]
_BLOCK = 1 << 16  # elements of the channels that are treated at once


def batch_norm(x: Array, weight: Array, bias: Array, eps: float, out: Array | None = None) -> Array:
    """weight · (x − mean) / √(variance + eps) + bias."""
    planes = batch_innermost(x)
    target = result_planes(planes.shape, x.dtype, out)
    rows, results = _rows(planes), _rows(target)

    def work(part: slice, product: Array) -> None:
        centred = results[part]
        invstd = _centre(rows[part], eps, centred, product)
        centred *= _column(weight[part]) * invstd
        centred += _column(bias[part])

    _by_channels(rows, work)
    return batch_first(target)


def input_grad(g: Array, x: Array, weight: Array, eps: float, out: Array | None = None) -> Array:
    """weight / σ · (g − mean g − x̂ · mean(g · x̂)), where x̂ = (x − mean) / σ."""
    upstream, planes = batch_innermost(g), batch_innermost(x)
    target = result_planes(planes.shape, x.dtype, out)
    gradients, rows, results = _rows(upstream), _rows(planes), _rows(target)

    def work(part: slice, product: Array) -> None:
        centred = results[part]
        invstd = _centre(rows[part], eps, centred, product)
        np.multiply(gradients[part], centred, out=product)
        centred *= np.mean(product, 1, keepdims=True) * invstd * invstd
        np.subtract(gradients[part], centred, out=centred)
        centred -= np.mean(gradients[part], 1, keepdims=True)
        centred *= _column(weight[part]) * invstd

    _by_channels(rows, work)
    return batch_first(target)


def weight_grad(g: Array, x: Array, eps: float) -> Array:
    """The sum of g · x̂ over each channel."""
    gradients, rows = _rows(batch_innermost(g)), _rows(batch_innermost(x))
    sums = np.zeros((len(rows), 1), x.dtype)

    def work(part: slice, product: Array) -> None:
        with scratch() as memory:
            centred = memory("centred", x.dtype, *product.shape)
            invstd = _centre(rows[part], eps, centred, product)
            np.multiply(gradients[part], centred, out=product)
        np.multiply(np.sum(product, 1, keepdims=True), invstd, out=sums[part])

    _by_channels(rows, work)
    return sums[:, 0]


def _rows(planes: Array) -> Array:
    """(C, H, W, N) as a row for each channel."""
    return planes.reshape(len(planes), -1) if planes.size else np.empty((0, 0), planes.dtype)


def _column(values: Array) -> Array:
    return values[:, None]


def _centre(rows: Array, eps: float, centred: Array, product: Array) -> Array:
    """Write the distances to the rows' means, and a product nobody needs; 1/σ as a column."""
    np.subtract(rows, np.mean(rows, 1, keepdims=True), out=centred)
    np.square(centred, out=product)
    result: Array = 1 / np.sqrt(np.mean(product, 1, keepdims=True) + rows.dtype.type(eps))
    return result


def _by_channels(rows: Array, work: Callable[[slice, Array], None]) -> None:
    """``work`` on groups of rows, with memory of their size. In one thread: for passes as short as these,
    two would mostly wait for the interpreter's lock."""
    if not rows.size:
        return
    count, length = rows.shape
    step = max(1, _BLOCK // length)
    with scratch() as memory:
        for k in range(0, count, step):
            part = slice(k, min(k + step, count))
            work(part, memory("product", rows.dtype, part.stop - k, length))


KERNELS: dict[str, Callable[..., Array]] = {
    "batch_norm": batch_norm,
    "batch_norm_input_grad": input_grad,
    "batch_norm_weight_grad": weight_grad,
}
