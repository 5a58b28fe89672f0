"""The multiclass support vector loss."""

from __future__ import annotations

from typing import Any

import graphdiff as gd
from graphdiff.arguments import check_flags, check_numbers
from graphdiff.ops.common import locating
from graphdiff.ops.precision import for_loss
from graphdiff_losses.labels import check_labels, one_hot
from graphdiff_losses.reduction import check_reduction, reduced


def _excess(scores: gd.Tensor, right: gd.Tensor, margin: float) -> gd.Tensor:
    """sⱼ − sᵧ + margin, of every class."""
    return scores - gd.sum(scores * right, -1, keepdims=True) + margin


def _hinge(scores: gd.Tensor, labels: gd.Tensor, margin: float, squared: bool) -> gd.Tensor:
    right = one_hot(scores, labels)
    beyond = gd.relu(_excess(scores, right, margin))
    return gd.sum((gd.square(beyond) if squared else beyond) * (1 - right), -1)


def _hinge_vjp(
    g: gd.Tensor, out: gd.Tensor, scores: gd.Tensor, labels: gd.Tensor, margin: float, squared: bool
) -> gd.Tensor:
    right = one_hot(scores, labels)
    excess = _excess(scores, right, margin)
    slope = (2 * gd.relu(excess) if squared else gd.cast(excess > 0, scores.dtype)) * (1 - right)
    return gd.expand_dims(g, -1) * (slope - right * gd.sum(slope, -1, keepdims=True))


hinges = gd.Composite(
    "hinge",
    _hinge,
    vjp=(_hinge_vjp, None),
    formula=("1 where m = sⱼ − sᵧ + Δ > 0 (2m if squared); at y −Σ of these", ""),
    symbol="hinge",
)


def hinge(
    scores: Any, labels: Any, *, margin: float = 1.0, squared: bool = False, reduction: str = "mean"
) -> gd.Tensor:
    """The multiclass support vector loss Σⱼ≠ᵧ max(0, sⱼ − sᵧ + margin) (Weston and Watkins 1999).

    Its derivative where a term is exactly 0 is 0.

    Args:
        scores: (…, classes), floating.
        labels: (…), integers from 0 to classes − 1.
        margin: by how much the right class is to lead.
        squared: whether each term is squared.
        reduction: "mean", "sum" or "none" (one loss per example).

    Raises:
        ShapeError: labels whose shape is not that of the scores without the last axis.
        DTypeError: labels that are not integers. ArgumentError: a label out of range, or an unknown
            reduction.
    """
    check_reduction("hinge", reduction)
    scores, labels = for_loss(gd.as_tensor(scores)), gd.as_tensor(labels)
    check_labels("hinge", scores, labels)
    with locating("hinge", scores, labels):
        check_numbers(margin=margin)
        check_flags(squared=squared)
    return reduced(hinges(scores, labels, margin=float(margin), squared=bool(squared)), reduction)
