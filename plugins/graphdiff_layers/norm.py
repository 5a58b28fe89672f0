"""Normalisation over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.arguments import check_integers, check_numbers
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.ops.common import located

_AXES = (0, 2, 3)


def _per_channel(t: gd.Tensor) -> gd.Tensor:
    return gd.reshape(t, (1, -1, 1, 1))


def _deviation(x: gd.Tensor, eps: float) -> gd.Tensor:
    return gd.sqrt(gd.var(x, _AXES, keepdims=True) + eps)


def _normalised(x: gd.Tensor, eps: float) -> gd.Tensor:
    return (x - gd.mean(x, _AXES, keepdims=True)) / _deviation(x, eps)


def _batch_norm(x: gd.Tensor, weight: gd.Tensor, bias: gd.Tensor, eps: float) -> gd.Tensor:
    return _normalised(x, eps) * _per_channel(weight) + _per_channel(bias)


def _input_grad(g: gd.Tensor, x: gd.Tensor, weight: gd.Tensor, eps: float) -> gd.Tensor:
    unit = _normalised(x, eps)
    centred = g - gd.mean(g, _AXES, keepdims=True) - unit * gd.mean(g * unit, _AXES, keepdims=True)
    return centred * (_per_channel(weight) / _deviation(x, eps))


def _weight_grad(g: gd.Tensor, x: gd.Tensor, eps: float) -> gd.Tensor:
    return gd.sum(g * _normalised(x, eps), _AXES)


input_grad = gd.Composite("batch_norm_input_grad", _input_grad, symbol="BNᵀ")
weight_grad = gd.Composite("batch_norm_weight_grad", _weight_grad, symbol="Σ∇·x̂")
batch_norm = gd.Composite(
    "batch_norm",
    _batch_norm,
    vjp=(
        lambda g, out, x, weight, bias, eps: input_grad(g, x, weight, eps=eps),
        lambda g, out, x, weight, bias, eps: weight_grad(g, x, eps=eps),
        lambda g, *_, eps: gd.sum(g, _AXES),
    ),
    unify=slice(None),
    formula=("γ/σ · (∇ − mean ∇ − x̂ · mean(∇·x̂)) / ∇", "x̂", "1"),
    symbol="BN",
)


def _eval_scale(weight: gd.Tensor, variance: gd.Tensor, eps: float) -> gd.Tensor:
    return weight / gd.sqrt(variance + eps)


def _batch_norm_eval(
    x: gd.Tensor, weight: gd.Tensor, bias: gd.Tensor, mean: gd.Tensor, variance: gd.Tensor, eps: float
) -> gd.Tensor:
    scale = _eval_scale(weight, variance, eps)
    return x * _per_channel(scale) + _per_channel(bias - mean * scale)


def _scale_grad(g: gd.Tensor, x: gd.Tensor, mean: gd.Tensor) -> gd.Tensor:
    return gd.sum(g * (x - _per_channel(mean)), _AXES)


batch_norm_eval = gd.Composite(
    "batch_norm_eval",
    _batch_norm_eval,
    vjp=(
        lambda g, out, x, w, b, m, v, eps: g * _per_channel(_eval_scale(w, v, eps)),
        lambda g, out, x, w, b, m, v, eps: _scale_grad(g, x, m) / gd.sqrt(v + eps),
        lambda g, *_, eps: gd.sum(g, _AXES),
        lambda g, out, x, w, b, m, v, eps: -gd.sum(g, _AXES) * _eval_scale(w, v, eps),
        lambda g, out, x, w, b, m, v, eps: _scale_grad(g, x, m) * _eval_scale(w, v, eps) / (-2.0 * (v + eps)),
    ),
    unify=slice(None),
    formula=("γ/σ", "x̂", "1", "−γ/σ", "−γ·x̂/2σ²"),
    symbol="BN",
)


class BatchNorm2d(gd.Module):
    """Every channel brought to mean 0 and deviation 1, then scaled and shifted (Ioffe and Szegedy 2015).

    In training the batch's own statistics are used, and running ones are updated; in evaluation the
    running ones are used.

    Args:
        channels: C.
        eps: added to the variance.
        momentum: the share of a batch's statistics in the running ones; these use the variance divided by
            n − 1, as in torch.

    Attributes:
        synchronised: whether the statistics are those of all processes' batches together, where several
            train together (:func:`graphdiff.train.synchronise`); ``False`` at first.
        weight, bias: (C,), at first 1 and 0.
        running_mean, running_var: (C,); num_batches_tracked: ().

    Shapes: (N, C, H, W) -> the same.

    Raises:
        ArgumentError: fewer than one channel.
        ShapeError: other channels, or in training a single number per channel.
    """

    def __init__(
        self, channels: int, eps: float = 1e-5, momentum: float = 0.1, *, dtype: Any = "float32"
    ) -> None:
        check_integers(channels=channels)
        check_numbers(eps=eps, momentum=momentum)
        if channels < 1:
            raise ArgumentError(f"{type(self).__name__}({channels}) has no channels", fix="give at least 1")
        gd.TensorSpec((channels,), dtype)
        self.eps = float(eps)
        self.momentum = float(momentum)
        self.synchronised = False
        self.weight = gd.Parameter(np.ones(channels), dtype)
        self.bias = gd.Parameter(np.zeros(channels), dtype)
        self.running_mean = gd.Cell(np.zeros(channels), dtype)
        self.running_var = gd.Cell(np.ones(channels), dtype)
        self.num_batches_tracked = gd.Cell(0, "int64")

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        self._check(given, (4,), "four")
        return self._scaled(given)

    def _check(self, x: gd.Tensor, ranks: tuple[int, ...], axes: str) -> None:
        channels, kind = self.weight.size, type(self).__name__
        if x.ndim not in ranks or x.shape[1] != channels:
            error = ShapeError(
                f"layer {self._path or kind} takes {channels} channels on axis 1 of {axes}, the input has "
                f"shape {x.shape}",
                fix="build the layer for this number of channels",
            )
        elif self.training and x.size // channels < 2 and not self._with_others(x):
            error = ShapeError(
                f"one number per channel in shape {x.shape} has no variance",
                fix="train on larger batches, or switch to evaluation with .eval()",
            )
        else:
            return
        raise located(error, kind, x)

    def _scaled(self, x: gd.Tensor) -> gd.Tensor:
        if not self.training:
            return batch_norm_eval(
                x, self.weight, self.bias, self.running_mean, self.running_var, eps=self.eps
            )
        if self._with_others(x):
            return self._scaled_together(x)
        count = x.size // self.weight.size
        with gd.no_grad():
            variance = gd.reshape(gd.var(x, _AXES, keepdims=True), (-1,)) * (count / (count - 1))
            mean = gd.reshape(gd.mean(x, _AXES, keepdims=True), (-1,))  # which torch knows by then
        self._track(mean, variance)
        return batch_norm(x, self.weight, self.bias, eps=self.eps)

    def _with_others(self, x: gd.Tensor) -> bool:
        return self.synchronised and x.backend.processes.size > 1

    def _scaled_together(self, x: gd.Tensor) -> gd.Tensor:
        """By the statistics of all processes, which may have batches of unequal size."""
        wide = gd.cast(x, "float32") if x.dtype.itemsize < 4 else x
        counted = gd.full((1,), x.size // self.weight.size, dtype=wide.dtype)
        sums = gd.all_reduce(gd.concatenate([gd.sum(wide, _AXES), counted]))
        count = sums[-1:]
        mean = sums[:-1] / count
        centred = wide - _per_channel(mean)
        variance = gd.all_reduce(gd.sum(gd.square(centred), _AXES)) / count
        with gd.no_grad():
            self._track(mean, variance * (count / (count - 1)))
        scale = self.weight / gd.sqrt(variance + self.eps)
        return centred * _per_channel(scale) + _per_channel(self.bias)

    def _track(self, mean: gd.Tensor, variance: gd.Tensor) -> None:
        with gd.no_grad():
            keep, share = 1 - self.momentum, self.momentum
            self.running_mean.assign(self.running_mean * keep + mean * share)
            self.running_var.assign(self.running_var * keep + variance * share)
            self.num_batches_tracked.assign(self.num_batches_tracked + 1)

    def extra_repr(self) -> str:
        return f"{self.weight.size}"


class BatchNorm1d(BatchNorm2d):
    """:class:`BatchNorm2d` of features or of sequences, taken for narrow images.

    Shapes: (N, C) or (N, C, L) -> the same.
    """

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        self._check(given, (2, 3), "two or three")
        return gd.reshape(self._scaled(gd.reshape(given, (*given.shape, 1, 1)[:4])), given.shape)
