"""Batch norm as torch computes it, of channels on the second of four axes."""

from __future__ import annotations

from typing import Any

import torch

from graphdiff.kernels import Kernels

Array = Any
_AXES = (0, 2, 3)


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


def _input_grad(g: Array, x: Array, weight: Array, eps: float) -> Array:
    if not x.numel():
        return torch.empty_like(x)
    return gradients(g, x, weight, *statistics(x, eps), eps, (True, False, False))[0]


def _weight_grad(g: Array, x: Array, eps: float) -> Array:
    if not x.numel():
        return x.new_zeros(x.shape[1])
    one = x.new_ones(x.shape[1])  # its values do not matter for the weight's own gradient
    return gradients(g, x, one, *statistics(x, eps), eps, (False, True, False))[1]


NORMALIZATION: Kernels = {
    "batch_norm": _batch_norm,
    "batch_norm_input_grad": _input_grad,
    "batch_norm_weight_grad": _weight_grad,
}
