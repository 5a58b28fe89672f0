"""Calls of torch that compute several nodes of a program at once, as primitives of their own.

They stand in lowered programs alone; the spec of such a node is that of the node it replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from graphdiff.errors import BackendError
from graphdiff.graph import TensorSpec
from graphdiff.kernels import Kernels
from graphdiff.primitive import Primitive
from graphdiff_torch.kernels.labels import picked_losses
from graphdiff_torch.kernels.pooling import torch_settings

Array = Any
SETTINGS = ("window", "stride", "padding", "dilation")  # of a pooling


def _unknown(*specs: TensorSpec, **params: Any) -> TensorSpec:
    raise BackendError("a call of a lowered program has no shape rule")


def fused(name: str) -> Primitive:
    """A primitive of lowered programs."""
    return Primitive(name, spec=_unknown)


ADDMM = fused("addmm")
BIASED_CONV2D = fused("biased_conv2d")
MAX_POOL_INDICES = fused("max_pool_indices")
MAX_POOL_GRAD = fused("max_pool_grad")
SOFTMAX_LESS_ONE_HOT = fused("softmax_less_one_hot")
CHANNELS_FIRST = fused("channels_first")
CHANNELS_LAST = fused("channels_last")
SGD = fused("sgd")
VELOCITY = fused("sgd_velocity")


def pooled_with_indices(x: Array, **settings: Any) -> tuple[Array, Array]:
    """The largest element of each window, and where it lies in its plane."""
    window, stride, padding, dilation = (settings[k] for k in SETTINGS)
    chosen = torch_settings(x.shape[-2:], window, stride, padding, dilation)
    assert chosen is not None
    return torch._C._nn.max_pool2d_with_indices(  # type: ignore[no-any-return]
        x, window, stride, chosen.padding, dilation, chosen.ceil
    )


def _max_pool_grad(g: Array, x: Array, indices: Array, **settings: Any) -> Array:
    window, stride, padding, dilation = (settings[k] for k in SETTINGS)
    chosen = torch_settings(x.shape[-2:], window, stride, padding, dilation)
    assert chosen is not None
    return torch.ops.aten.max_pool2d_with_indices_backward.default(
        g, x, window, stride, chosen.padding, dilation, chosen.ceil, indices
    )


def _softmax_less_one_hot(logits: Array, labels: Array) -> Array:
    return _less_one_hot(torch.softmax(logits, -1), labels)


def _less_one_hot(probabilities: Array, labels: Array) -> Array:
    return probabilities.scatter_(-1, labels.to(torch.int64).unsqueeze(-1), -1.0, reduce="add")


def loss_and_gradient(logits: Array, labels: Array) -> tuple[Array, Array]:
    """The cross-entropies, and probabilities less one-hot labels, from one look at the logits."""
    scores = torch.log_softmax(logits, -1)
    losses = picked_losses(scores, labels)
    return losses, _less_one_hot(scores.exp_(), labels)


def descend(
    lr: Array,
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    velocities: Sequence[Array],
    momentum: float,
) -> list[Array]:
    """SGD in place, all parameters in one call; returns them, then their velocities.

    The kernel takes memory as it comes, so each gradient is brought to its parameter's layout first. It
    copies what is not contiguous, so it is given the elements in a row, as they lie in memory.
    """
    gradients = [
        g if g.stride() == p.stride() else torch.empty_like(p).copy_(g)
        for p, g in zip(parameters, gradients, strict=True)
    ]
    torch._fused_sgd_(
        _rows(parameters),
        _rows(gradients),
        _rows(velocities),
        weight_decay=0.0,
        momentum=momentum,
        lr=lr,
        dampening=0.0,
        nesterov=False,
        maximize=False,
        is_first_step=False,
    )
    return [*parameters, *velocities]


def _rows(arrays: Sequence[Array]) -> list[Array]:
    return [a if a.is_contiguous() else a.as_strided((a.numel(),), (1,)) for a in arrays]


FUSED: Kernels = {
    "addmm": torch.addmm,
    "biased_conv2d": torch.conv2d,
    "max_pool_indices": lambda x, **settings: pooled_with_indices(x, **settings)[1],
    "max_pool_grad": _max_pool_grad,
    "softmax_less_one_hot": _softmax_less_one_hot,
    "channels_first": torch.Tensor.contiguous,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
}
