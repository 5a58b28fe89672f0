"""Activations as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.arguments import check_integers, check_numbers
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.ops.common import located


class ReLU(gd.Module):
    """max(0, x), elementwise; its derivative at 0 is 0."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.relu(x)


class Sigmoid(gd.Module):
    """1/(1 + e⁻ˣ), elementwise."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.sigmoid(x)


class Tanh(gd.Module):
    """The hyperbolic tangent, elementwise."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.tanh(x)


class LeakyReLU(gd.Module):
    """x where it is positive, else slope · x (Maas et al. 2013), elementwise."""

    def __init__(self, slope: float = 0.01) -> None:
        check_numbers(slope=slope)
        self.slope = slope

    def forward(self, x: Any) -> gd.Tensor:
        return gd.leaky_relu(x, self.slope)

    def extra_repr(self) -> str:
        return f"{self.slope}"


class PReLU(gd.Module):
    """LeakyReLU with slopes that are learned (He et al. 2015, section 2.1).

    Args:
        channels: one slope for each, or 1: one slope for all.
        initial: their first value.

    Attributes:
        weight: (channels,).

    Shapes: (N, channels, …) -> the same; with one slope, any.

    Raises:
        ShapeError: on the call, other channels.
    """

    def __init__(self, channels: int = 1, initial: float = 0.25, *, dtype: Any = "float32") -> None:
        check_integers(channels=channels)
        check_numbers(initial=initial)
        self.weight = gd.Parameter(np.full(gd.TensorSpec((channels,), dtype).shape, float(initial)), dtype)

    def forward(self, x: Any) -> gd.Tensor:
        given, channels = gd.as_tensor(x), self.weight.size
        if channels == 1:
            return gd.leaky_relu(given, gd.reshape(self.weight, ()))
        if given.ndim < 2 or given.shape[1] != channels:
            raise located(
                ShapeError(
                    f"layer {self._path or 'PReLU'} takes {channels} channels on axis 1, the input has "
                    f"shape {given.shape}",
                    fix="build the layer for this number of channels",
                ),
                "PReLU",
                given,
            )
        return gd.leaky_relu(given, gd.reshape(self.weight, (-1, *[1] * (given.ndim - 2))))

    def extra_repr(self) -> str:
        return f"{self.weight.size}"


class ELU(gd.Module):
    """x where it is positive, else α(eˣ − 1) (Clevert et al. 2015), elementwise."""

    def __init__(self, alpha: float = 1.0) -> None:
        check_numbers(alpha=alpha)
        self.alpha = alpha

    def forward(self, x: Any) -> gd.Tensor:
        return gd.elu(x, self.alpha)


class SELU(gd.Module):
    """ELU scaled so that mean 0 and variance 1 are kept (Klambauer et al. 2017), elementwise."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.selu(x)


class GELU(gd.Module):
    """x · Φ(x) (Hendrycks and Gimpel 2016), elementwise; options as for :func:`graphdiff.gelu`."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> gd.Tensor:
        return gd.gelu(x, self.approximate)


class SiLU(gd.Module):
    """x · σ(x) (Elfwing et al. 2018), elementwise."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.silu(x)


class Softplus(gd.Module):
    """ln(1 + e^(βx)) / β, elementwise: ReLU made smooth."""

    def __init__(self, beta: float = 1.0) -> None:
        check_numbers(beta=beta)
        self.beta = beta

    def forward(self, x: Any) -> gd.Tensor:
        return gd.softplus(gd.as_tensor(x) * self.beta) / self.beta


class Softmax(gd.Module):
    """eˣ / Σ eˣ along an axis: scores to probabilities. (Losses take the scores themselves.)"""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> gd.Tensor:
        return gd.softmax(x, self.axis)


class Maxout(gd.Module):
    """The largest of every few neighbouring channels (Goodfellow et al. 2013, section 3); behind a linear
    or convolutional layer it is the paper's maxout unit. Ties share the gradient evenly.

    Args:
        pieces: how many channels meet in one.

    Shapes: (N, C · pieces, …) -> (N, C, …).

    Raises:
        ArgumentError: fewer than one piece. ShapeError: on the call, channels that do not divide.
    """

    def __init__(self, pieces: int) -> None:
        check_integers(pieces=pieces)
        if pieces < 1:
            raise ArgumentError(f"Maxout of {pieces} pieces chooses nothing", fix="give at least 1")
        self.pieces = pieces

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        if given.ndim < 2 or given.shape[1] % self.pieces:
            raise located(
                ShapeError(
                    f"layer {self._path or 'Maxout'} takes a multiple of {self.pieces} channels on axis 1, "
                    f"the input has shape {given.shape}",
                    fix="give the layer before it that many times the channels",
                ),
                "Maxout",
                given,
            )
        examples, channels, *rest = given.shape
        apart = gd.reshape(given, (examples, channels // self.pieces, self.pieces, *rest))
        return gd.max(apart, 2)

    def extra_repr(self) -> str:
        return f"{self.pieces}"
