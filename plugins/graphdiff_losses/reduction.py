"""From one loss per example to what is asked for."""

from __future__ import annotations

from typing import Any

import graphdiff as gd
from graphdiff.arguments import check_choice
from graphdiff.errors import ShapeError
from graphdiff.ops.common import located, locating
from graphdiff.ops.precision import for_loss
from graphdiff.ops.reduction import as_floating

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(operation: str, reduction: str) -> None:
    """Refuse what :func:`reduced` does not know.

    Raises:
        ArgumentError: an unknown reduction.
    """
    with locating(operation):
        check_choice("reduction", reduction, REDUCTIONS)


def reduced(losses: gd.Tensor, reduction: str) -> gd.Tensor:
    """Their mean, their sum, or the losses themselves."""
    if reduction == "none":
        return losses
    return gd.mean(losses) if reduction == "mean" else gd.sum(losses)


def alike(operation: str, predictions: Any, targets: Any) -> tuple[gd.Tensor, gd.Tensor]:
    """Both as tensors of one shape, the targets in the predictions' dtype.

    Nothing is broadcast: a (n,) beside a (n, 1) is a mistake that trains.

    Raises:
        ShapeError: other shapes than equal ones.
    """
    p, t = for_loss(as_floating(predictions)), gd.as_tensor(targets)
    if p.shape != t.shape:
        error = ShapeError(
            f"predictions of shape {p.shape} do not fit targets of shape {t.shape}",
            fix="give targets of the predictions' shape; reshape one of them",
        )
        raise located(error, operation, p, t)
    return p, t if t.dtype is p.dtype else gd.cast(t, p.dtype)
