"""Normalisation within each example: over its features, over groups of channels, over neighbouring ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.arguments import check_flags, check_integers, check_numbers, entries
from graphdiff.errors import ArgumentError, GraphdiffError, ShapeError
from graphdiff.ops.common import located
from graphdiff.ops.windows import channel_sum

Axes = tuple[int, ...]


def _deviation(x: gd.Tensor, axes: Axes, eps: float) -> gd.Tensor:
    return gd.sqrt(gd.var(x, axes, keepdims=True) + eps)


def _standardized(x: gd.Tensor, axes: Axes, eps: float) -> gd.Tensor:
    return (x - gd.mean(x, axes, keepdims=True)) / _deviation(x, axes, eps)


def _standardized_vjp(g: gd.Tensor, out: gd.Tensor, x: gd.Tensor, axes: Axes, eps: float) -> gd.Tensor:
    centred = g - gd.mean(g, axes, keepdims=True) - out * gd.mean(g * out, axes, keepdims=True)
    return centred / _deviation(x, axes, eps)


standardized = gd.Composite(
    "standardized",
    _standardized,
    vjp=(_standardized_vjp,),
    formula=("(∇ − mean ∇ − x̂ · mean(∇·x̂)) / (σ ∇)",),
    symbol="x̂",
)


def _misfit(layer: gd.Module, takes: str, x: gd.Tensor) -> GraphdiffError:
    kind = type(layer).__name__
    error = ShapeError(
        f"layer {layer._path or kind} takes {takes}, the input has shape {x.shape}",
        fix="build the layer for this shape",
    )
    return located(error, kind, x)


class LayerNorm(gd.Module):
    """Every example brought to mean 0 and deviation 1 over its last axes, then scaled and shifted
    (Ba et al. 2016).

    Args:
        shape: of the last axes, an integer for one.
        eps: added to the variance.
        affine: whether it is scaled and shifted.

    Attributes:
        weight, bias: of that shape, at first 1 and 0; ``None`` without.

    Shapes: (…, *shape) -> the same.

    Raises:
        ShapeError: on the call, an input that does not end in the shape.
    """

    def __init__(
        self, shape: int | tuple[int, ...], eps: float = 1e-5, affine: bool = True, *, dtype: Any = "float32"
    ) -> None:
        check_numbers(eps=eps)
        check_flags(affine=affine)
        self.shape = gd.TensorSpec(
            (shape,) if isinstance(shape, int) else entries("shape", shape), dtype
        ).shape
        self.eps = float(eps)
        self.weight = gd.Parameter(np.ones(self.shape), dtype) if affine else None
        self.bias = gd.Parameter(np.zeros(self.shape), dtype) if affine else None

    def forward(self, x: Any) -> gd.Tensor:
        given, rank = gd.as_tensor(x), len(self.shape)
        if given.ndim < rank or given.shape[given.ndim - rank :] != self.shape:
            raise _misfit(self, f"inputs that end in {self.shape}", given)
        axes = tuple(range(given.ndim - rank, given.ndim))
        y = standardized(given, axes=axes, eps=self.eps)
        return y if self.weight is None else y * self.weight + self.bias

    def extra_repr(self) -> str:
        return f"{', '.join(map(str, self.shape))}"


class GroupNorm(gd.Module):
    """Every group of channels of every example brought to mean 0 and deviation 1, then every channel scaled
    and shifted (Wu and He 2018).

    Args:
        groups: how many; they divide the channels.
        channels: C.
        eps: added to the variance.
        affine: whether it is scaled and shifted.

    Attributes:
        weight, bias: (C,), at first 1 and 0; ``None`` without.

    Shapes: (N, C, …) -> the same.

    Raises:
        ArgumentError: groups that do not divide the channels. ShapeError: on the call, other channels.
    """

    def __init__(
        self, groups: int, channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = "float32"
    ) -> None:
        check_integers(groups=groups, channels=channels)
        check_numbers(eps=eps)
        check_flags(affine=affine)
        if groups < 1 or channels < 1 or channels % groups:
            raise ArgumentError(
                f"GroupNorm({groups}, {channels}) has no groups", fix="give groups that divide the channels"
            )
        self.groups = groups
        self.channels = channels
        self.eps = float(eps)
        gd.TensorSpec((channels,), dtype)
        self.weight = gd.Parameter(np.ones(channels), dtype) if affine else None
        self.bias = gd.Parameter(np.zeros(channels), dtype) if affine else None

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        if given.ndim < 2 or given.shape[1] != self.channels:
            raise _misfit(self, f"{self.channels} channels on axis 1", given)
        size = math.prod(given.shape[1:]) // self.groups
        apart = gd.reshape(given, (given.shape[0], self.groups, size))
        y = gd.reshape(standardized(apart, axes=(2,), eps=self.eps), given.shape)
        if self.weight is None or self.bias is None:
            return y
        channels = (self.channels, *[1] * (given.ndim - 2))
        return y * gd.reshape(self.weight, channels) + gd.reshape(self.bias, channels)

    def extra_repr(self) -> str:
        return f"{self.groups}, {self.channels}"


def _scale(x: gd.Tensor, size: int, alpha: float, k: float) -> gd.Tensor:
    return k + gd.channel_window_sum(gd.square(x), size) * (alpha / size)


def _lrn(x: gd.Tensor, size: int, alpha: float, beta: float, k: float) -> gd.Tensor:
    return x * _scale(x, size, alpha, k) ** -beta


def _lrn_vjp(
    g: gd.Tensor, out: gd.Tensor, x: gd.Tensor, size: int, alpha: float, beta: float, k: float
) -> gd.Tensor:
    scale = _scale(x, size, alpha, k)
    # Who reaches a channel are those that it reaches, with before and after exchanged.
    others = channel_sum(g * out / scale, before=(size - 1) // 2, after=size // 2)
    return g * scale**-beta - x * others * (2 * alpha * beta / size)


local_response_norm = gd.Composite(
    "local_response_norm",
    _lrn,
    vjp=(_lrn_vjp,),
    formula=("(s⁻ᵝ ∇ − 2αβ/n · x · Σ ∇ y/s) / ∇",),
    symbol="LRN",
)


class LocalResponseNorm(gd.Module):
    """x / (k + α/n · Σ x²)^β, the sum over n neighbouring channels at the same place (Krizhevsky et al.
    2012, section 3.3; α/n as in torch, where the paper has α).

    Args:
        size: n, over how many channels is summed: ⌊n / 2⌋ before each, the rest behind it.
        alpha, beta, k: as in the formula.

    Shapes: (N, C, …) -> the same.

    Raises:
        ArgumentError: a size below 1. ShapeError: on the call, an input without channels.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        check_integers(size=size)
        check_numbers(alpha=alpha, beta=beta, k=k)
        if size < 1:
            raise ArgumentError(f"LocalResponseNorm({size}) sums nothing", fix="give a size of at least 1")
        self.options = {"size": size, "alpha": float(alpha), "beta": float(beta), "k": float(k)}

    def forward(self, x: Any) -> gd.Tensor:
        return local_response_norm(x, **self.options)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.options.items())
