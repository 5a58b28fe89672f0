"""Activations: named decompositions, drawn as one box or unfolded, with derivatives of their own."""

from __future__ import annotations

from typing import Any

from graphdiff.ops import samples
from graphdiff.ops.common import normalize_axis
from graphdiff.ops.elementwise import abs, exp, log1p, negative, reciprocal, relu
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
