"""Gradients that one call of torch computes together."""

from __future__ import annotations

from typing import Any

import torch

from graphdiff.backend import Joint
from graphdiff.graph import TensorSpec
from graphdiff_torch.kernels.convolution import even_padding
from graphdiff_torch.kernels.normalization import gradients, noted_statistics

Array = Any


def is_plain(*specs: TensorSpec) -> bool:
    """Operands that torch's convolutions and poolings take: floating, and not empty."""
    return all(s.dtype.is_floating and s.size for s in specs)


# Convolution


def _gradients(
    g: Array,
    w: Array,
    x: Array,
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    wanted: list[bool],
    bias: list[int] | None = None,
) -> Any:
    return torch.ops.aten.convolution_backward.default(
        g, x, w, bias, stride, even_padding(padding), dilation, False, (0, 0), groups, wanted
    )


def _all_gradients(g: Array, w: Array, x: Array, axes: Any, keepdims: bool, **params: Any) -> Any:
    return _both_gradients(g, w, x, bias=[g.shape[1]], **params)


def _both_gradients(
    g: Array, w: Array, x: Array, input_shape: Any, weight_shape: Any, bias: Any = None, **params: Any
) -> Any:
    found = _gradients(g, w, x, **params, wanted=[True, True, bias is not None], bias=bias)
    return found if bias else found[:2]


def _weight_and_bias(x: Array, g: Array, weight_shape: Any, axes: Any, keepdims: bool, **params: Any) -> Any:
    w = g.new_empty(1).expand(weight_shape)  # its shape alone is read
    return _gradients(g, w, x, **params, wanted=[False, True, True], bias=[g.shape[1]])[1:]


def _convolved(*specs: TensorSpec, padding: Any, **params: Any) -> bool:
    summed = params.get("axes", (0, 2, 3)) == (0, 2, 3) and not params.get("keepdims", False)
    return is_plain(*specs) and summed and even_padding(padding) is not None and _fits(*specs, **params)


def _fits(*specs: TensorSpec, **params: Any) -> bool:
    """Whether filter and input are of one convolution, or could be: those of two may share a gradient."""
    if len(specs) < 3:
        return True
    _, w, x = specs
    return bool(params["weight_shape"] == w.shape and params["input_shape"] == x.shape)


CONVOLUTION_GRADIENTS = (
    Joint({"conv2d_input_grad": "gw", "conv2d_weight_grad": "xg", "sum": "g"}, _all_gradients, _convolved),
    Joint({"conv2d_weight_grad": "xg", "sum": "g"}, _weight_and_bias, _convolved),
    Joint({"conv2d_input_grad": "gw", "conv2d_weight_grad": "xg"}, _both_gradients, _convolved),
)

# Batch norm


def _norm_gradients(g: Array, x: Array, w: Array, eps: float, axes: Any, keepdims: bool) -> Any:
    return gradients(g, x, w, *noted_statistics(x, eps), eps, (True, True, True))


def by_channel(*specs: TensorSpec, axes: Any, keepdims: bool, **params: Any) -> bool:
    """Whether a sum is a batch norm's gradient by its bias."""
    return axes == (0, 2, 3) and not keepdims and is_plain(*specs)


NORM_GRADIENTS = Joint(
    {"batch_norm_input_grad": "gxw", "batch_norm_weight_grad": "gx", "sum": "g"}, _norm_gradients, by_channel
)

JOINTS = (*CONVOLUTION_GRADIENTS, NORM_GRADIENTS)
