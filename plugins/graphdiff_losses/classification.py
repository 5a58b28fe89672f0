"""Losses of class scores against integer labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphdiff as gd
from graphdiff.errors import ArgumentError, DTypeError, ShapeError
from graphdiff.ops.common import located
from graphdiff.ops.precision import for_loss

_REDUCTIONS: dict[str, Callable[[gd.Tensor], gd.Tensor]] = {
    "mean": gd.mean,
    "sum": gd.sum,
    "none": lambda losses: losses,
}


def _one_hot(scores: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
    return gd.one_hot(labels, scores.shape[-1], scores.dtype)


def _cross_entropy(logits: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
    right = _one_hot(logits, labels)
    # The other classes are left out by choice: 0 times their −∞ would be NaN.
    return -gd.sum(gd.where(right == 0, 0, gd.log_softmax(logits) * right), -1)


def _cross_entropy_vjp(g: gd.Tensor, out: gd.Tensor, logits: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
    return gd.expand_dims(g, -1) * (gd.softmax(logits) - _one_hot(logits, labels))


cross_entropy = gd.Composite(
    "softmax_cross_entropy",
    _cross_entropy,
    vjp=(_cross_entropy_vjp, None),
    formula=("p − onehot(y)", ""),
    symbol="−ln pᵧ",
)


def _hinge(scores: gd.Tensor, labels: gd.Tensor, margin: float) -> gd.Tensor:
    right = _one_hot(scores, labels)
    own = gd.sum(scores * right, -1, keepdims=True)
    return gd.sum(gd.relu(scores - own + margin) * (1 - right), -1)


def _hinge_vjp(
    g: gd.Tensor, out: gd.Tensor, scores: gd.Tensor, labels: gd.Tensor, margin: float
) -> gd.Tensor:
    right = _one_hot(scores, labels)
    own = gd.sum(scores * right, -1, keepdims=True)
    beyond = gd.cast(scores - own + margin > 0, scores.dtype) * (1 - right)
    return gd.expand_dims(g, -1) * (beyond - right * gd.sum(beyond, -1, keepdims=True))


hinges = gd.Composite(
    "hinge",
    _hinge,
    vjp=(_hinge_vjp, None),
    formula=("1 where sⱼ − sᵧ + Δ > 0; −count at y", ""),
    symbol="hinge",
)


def softmax_cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> gd.Tensor:
    """−ln softmax(logits)[label], in nats.

    Args:
        logits: (…, classes), floating; any scores, not probabilities.
        labels: (…), integers from 0 to classes − 1.
        reduction: "mean", "sum" or "none" (one loss per example).

    Raises:
        ShapeError: labels whose shape is not that of the logits without the last axis.
        DTypeError: labels that are not integers. ArgumentError: a label out of range, or an unknown
            reduction.
    """
    checked = _checked("softmax_cross_entropy", logits, labels, reduction)
    return _REDUCTIONS[reduction](cross_entropy(*checked))


def hinge(scores: Any, labels: Any, *, margin: float = 1.0, reduction: str = "mean") -> gd.Tensor:
    """The multiclass support vector loss Σⱼ≠ᵧ max(0, sⱼ − sᵧ + margin) (Weston and Watkins 1999).

    Its derivative where a term is exactly 0 is 0.

    Args:
        scores: (…, classes), floating.
        labels: (…), integers from 0 to classes − 1.
        reduction: "mean", "sum" or "none" (one loss per example).

    Raises:
        ShapeError, DTypeError, ArgumentError: as for :func:`softmax_cross_entropy`.
    """
    checked = _checked("hinge", scores, labels, reduction)
    return _REDUCTIONS[reduction](hinges(*checked, margin=float(margin)))


def _checked(operation: str, scores: Any, labels: Any, reduction: str) -> tuple[gd.Tensor, gd.Tensor]:
    scores, labels = for_loss(gd.as_tensor(scores)), gd.as_tensor(labels)
    if not labels.dtype.is_integer:
        error: gd.GraphdiffError = DTypeError(
            f"labels are {labels.dtype}, not integers", fix="give class numbers: labels.astype('int64')"
        )
    elif not scores.ndim or scores.shape[:-1] != labels.shape:
        error = ShapeError(
            f"scores of shape {scores.shape} do not fit labels of shape {labels.shape}",
            fix="scores have the shape of the labels and one last axis of classes",
        )
    elif reduction not in _REDUCTIONS:
        error = ArgumentError(f"unknown reduction {reduction!r}", fix=f"use one of {', '.join(_REDUCTIONS)}")
    else:
        return scores, labels
    raise located(error, operation, scores, labels)
