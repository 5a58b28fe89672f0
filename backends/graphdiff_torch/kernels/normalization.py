"""Batch norm as torch computes it, of channels on the second of four axes.

Eagerly, the moments of a batch are noted on its array: they are asked for going forward, for the running
statistics, and going back. Compiled programs, which write over arrays, have nodes of their own for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from graphdiff.kernels import Kernels
from graphdiff_torch.kernels.notes import note, noted
from graphdiff_torch.kernels.reduction import REDUCTIONS

Array = Any
_AXES = (0, 2, 3)
_WIDE = (torch.float32, torch.float64)


def statistics(x: Array, eps: float) -> tuple[Array, Array]:
    """Mean and 1 / deviation of each channel."""
    variance, mean = torch.var_mean(x, _AXES, correction=0)
    return mean, torch.rsqrt(variance + eps)


def _batch_norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    if not x.numel():
        return torch.empty_like(x)
    return torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, eps)[0]


def gradients(
    g: Array, x: Array, weight: Array, mean: Array, invstd: Array, eps: float, wanted: tuple[bool, bool, bool]
) -> Any:
    """By input, weight and bias, of those that are wanted."""
    return torch.ops.aten.native_batch_norm_backward.default(
        g, x, weight, None, None, mean, invstd, True, eps, wanted
    )


def _normalization(statistics: Callable[[Array, float], tuple[Array, Array]]) -> Kernels:
    """The kernels, by a batch's mean and 1 / deviation."""

    def input_grad(g: Array, x: Array, weight: Array, eps: float) -> Array:
        if not x.numel():
            return torch.empty_like(x)
        return gradients(g, x, weight, *statistics(x, eps), eps, (True, False, False))[0]

    def weight_grad(g: Array, x: Array, eps: float) -> Array:
        if not x.numel():
            return x.new_zeros(x.shape[1])
        one = x.new_ones(x.shape[1])  # its values do not matter for the weight's own gradient
        return gradients(g, x, one, *statistics(x, eps), eps, (False, True, False))[1]

    return {
        "batch_norm": _batch_norm,
        "batch_norm_input_grad": input_grad,
        "batch_norm_weight_grad": weight_grad,
    }


NORMALIZATION = _normalization(statistics)

# Eagerly


class _Moments(NamedTuple):
    """Mean and variance of each channel."""

    mean: Array
    variance: Array


def _measured(x: Array) -> tuple[Array, Array]:
    return torch.ops.aten.batch_norm_update_stats.default(x, None, None, 1.0)  # type: ignore[no-any-return]


def _moments(x: Array) -> _Moments | None:
    """Those of a batch that torch's kernel takes in the precision of its results."""
    if x.ndim != 4 or x.device.type != "cpu" or x.dtype not in _WIDE or not x.numel():
        return None
    known: _Moments | None = noted(x, "moments")
    if known is None:
        known = _Moments(*_measured(x))
        note(x, "moments", known)
    return known


def noted_statistics(x: Array, eps: float) -> tuple[Array, Array]:
    """As :func:`statistics`."""
    found = _moments(x)
    return statistics(x, eps) if found is None else (found.mean, torch.rsqrt(found.variance + eps))


def _noted_batch_norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    found = _moments(x)
    if found is None:
        return _batch_norm(x, weight, bias, eps)
    return torch.native_batch_norm(x, weight, bias, found.mean, found.variance, False, 0.0, eps)[0]


def _noted_mean(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    found: _Moments | None = noted(x, "moments") if axes == _AXES else None  # measuring both takes longer
    if found is None:
        return REDUCTIONS["mean"](x, axes, keepdims)
    return found.mean.view(1, -1, 1, 1) if keepdims else found.mean


def _noted_var(x: Array, axes: tuple[int, ...], ddof: int, keepdims: bool) -> Array:
    found = _moments(x) if axes == _AXES and ddof == 0 else None
    if found is None:
        return REDUCTIONS["var"](x, axes, ddof, keepdims)
    return found.variance.view(1, -1, 1, 1) if keepdims else found.variance


NOTED_NORMALIZATION: Kernels = {
    **_normalization(noted_statistics),
    "batch_norm": _noted_batch_norm,
    "mean": _noted_mean,
    "var": _noted_var,
}
