"""Activations: named decompositions, drawn as one box or unfolded, with derivatives of their own."""

from __future__ import annotations

import math
from typing import Any

from graphdiff.arguments import check_choice, check_numbers
from graphdiff.leaf import as_tensor
from graphdiff.ops import samples
from graphdiff.ops.common import locating, normalize_axis
from graphdiff.ops.elementwise import (
    abs,
    clip,
    erf,
    exp,
    expm1,
    greater,
    log1p,
    negative,
    reciprocal,
    relu,
    square,
    tanh,
    where,
)
from graphdiff.ops.reduction import as_floating, finite_max, logsumexp, sum
from graphdiff.primitive import Composite
from graphdiff.tensor import Tensor

sigmoid = Composite(
    "sigmoid",
    lambda x: reciprocal(exp(negative(x)) + 1),
    vjp=(lambda g, out, x: g * (out * (1 - out)),),
    formula=("σ(1−σ)",),
    elementwise=True,
    floating=True,
    symbol="σ",
    samples=samples.operands(1),
    doc="σ(x) = 1/(1 + e⁻ˣ).",
)
softplus = Composite(
    "softplus",
    lambda x: relu(x) + log1p(exp(-abs(x))),
    vjp=(lambda g, out, x: g * sigmoid(x),),
    formula=("σ(x)",),
    elementwise=True,
    floating=True,
    samples=samples.operands(1),
    doc="ln(1 + eˣ), without overflow.",
)


# Rectifiers that let something through below 0

_leaky_relu = Composite(
    "leaky_relu",
    lambda x, slope: where(greater(x, 0), x, slope * x),
    vjp=(
        lambda g, out, x, slope: where(greater(x, 0), g, slope * g),
        lambda g, out, x, slope: where(greater(x, 0), 0, g * x),
    ),
    formula=("1 if x > 0 else y", "0 if x > 0 else x"),
    elementwise=True,
    floating=True,
    samples=samples.operands(2),
)


def leaky_relu(x: Any, slope: Any = 0.01) -> Tensor:
    """x where it is positive, else slope · x (Maas et al. 2013); its derivative at 0 is the slope.

    A tensor as slope is broadcast and differentiated, too: that is PReLU (He et al. 2015, section 2.1).
    """
    return _leaky_relu(x, slope)


_elu = Composite(
    "elu",
    lambda x, alpha: where(greater(x, 0), x, alpha * expm1(clip(x, high=0.0))),
    vjp=(lambda g, out, x, alpha: where(greater(x, 0), g, g * (out + alpha)),),
    formula=("1 if x > 0 else αeˣ",),
    elementwise=True,
    floating=True,
    samples=samples.elu,
)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else α(eˣ − 1) (Clevert et al. 2015); its derivative at 0 is α."""
    x = as_tensor(x)
    with locating("elu", x):
        check_numbers(alpha=alpha)
    return _elu(x, alpha=float(alpha))


# The fixed point of mean 0 and variance 1 (Klambauer et al. 2017, equation 14), as torch rounds it.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
selu = Composite(
    "selu",
    lambda x: _SELU_SCALE * elu(x, _SELU_ALPHA),
    vjp=(lambda g, out, x: g * where(greater(x, 0), _SELU_SCALE, out + _SELU_SCALE * _SELU_ALPHA),),
    formula=("λ if x > 0 else λαeˣ",),
    elementwise=True,
    floating=True,
    samples=samples.operands(1),
    doc="λ · elu(x, α) with α ≈ 1.6733, λ ≈ 1.0507: keeps mean 0 and variance 1 (Klambauer et al. 2017).",
)

# Smooth gates: x times how far it is above the rest

silu = Composite(
    "silu",
    lambda x: x * sigmoid(x),
    vjp=(lambda g, out, x: g * (sigmoid(x) * (1 + x * (1 - sigmoid(x)))),),
    formula=("σ(1 + x(1−σ))",),
    elementwise=True,
    floating=True,
    samples=samples.operands(1),
    doc="x · σ(x), also called swish (Elfwing et al. 2018).",
)


def _normal_share(x: Tensor) -> Tensor:
    """Φ(x): how much of a standard normal distribution lies below x."""
    return 0.5 * (1 + erf(x * math.sqrt(0.5)))


_gelu = Composite(
    "gelu",
    lambda x: x * _normal_share(x),
    vjp=(
        lambda g, out, x: g * (_normal_share(x) + x * exp(-0.5 * square(x)) * (1 / math.sqrt(2 * math.pi))),
    ),
    formula=("Φ(x) + x·φ(x)",),
    elementwise=True,
    floating=True,
    samples=samples.operands(1),
)
_CUBIC = 0.044715


def _gelu_gate(x: Tensor) -> Tensor:
    return tanh(math.sqrt(2 / math.pi) * (x + _CUBIC * x * square(x)))


def _gelu_tanh_vjp(g: Tensor, out: Tensor, x: Tensor) -> Tensor:
    gate = _gelu_gate(x)
    slope = math.sqrt(2 / math.pi) * (1 + 3 * _CUBIC * square(x))
    return g * (0.5 * (1 + gate + x * slope * (1 - square(gate))))


_gelu_tanh = Composite(
    "gelu_tanh",
    lambda x: 0.5 * x * (1 + _gelu_gate(x)),
    vjp=(_gelu_tanh_vjp,),
    formula=("½(1 + t + x(1−t²)u′), t = tanh u, u = √(2/π)(x + 0.044715x³)",),
    elementwise=True,
    floating=True,
    symbol="gelu",
    samples=samples.operands(1),
)


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x · Φ(x), with Φ the standard normal distribution (Hendrycks and Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for ½x(1 + tanh(√(2/π)(x + 0.044715x³))).

    Raises:
        ArgumentError: another approximation.
    """
    x = as_tensor(x)
    with locating("gelu", x):
        check_choice("approximate", approximate, ("none", "tanh"))
    return _gelu(x) if approximate == "none" else _gelu_tanh(x)


# Probabilities


def _softmax(x: Tensor, axis: int) -> Tensor:
    powers = exp(x - finite_max(x, (axis,)))
    return powers / sum(powers, axis, keepdims=True)


_softmax_along = Composite(
    "softmax",
    _softmax,
    vjp=(lambda g, out, x, axis: out * (g - sum(g * out, axis, keepdims=True)),),
    formula=("diag(p) − p pᵀ",),
    samples=samples.along_axis,
)
_log_softmax_along = Composite(
    "log_softmax",
    lambda x, axis: x - logsumexp(x, axis, keepdims=True),
    vjp=(lambda g, out, x, axis: g - exp(out) * sum(g, axis, keepdims=True),),
    formula=("I − 1 pᵀ",),
    samples=samples.along_axis,
)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """eˣ / Σ eˣ along an axis: positive, and summing to 1."""
    x = as_floating(x)
    return _softmax_along(x, axis=normalize_axis("softmax", x, axis))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """ln softmax(x), without underflow."""
    x = as_floating(x)
    return _log_softmax_along(x, axis=normalize_axis("log_softmax", x, axis))
