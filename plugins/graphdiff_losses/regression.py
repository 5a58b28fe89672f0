"""Losses of predicted numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphdiff as gd
from graphdiff.arguments import check_numbers
from graphdiff.errors import ArgumentError
from graphdiff.ops.common import located, locating
from graphdiff_losses.reduction import alike, check_reduction, reduced


def mean_squared(predictions: Any, targets: Any, *, reduction: str = "mean") -> gd.Tensor:
    """(p − t)².

    Args:
        predictions: any shape, floating.
        targets: of the same shape.
        reduction: "mean" over all elements, "sum" or "none" (one loss per element).

    Raises:
        ShapeError: another shape. ArgumentError: an unknown reduction.
    """
    return _of_difference("mean_squared", gd.square, predictions, targets, reduction)


def mean_absolute(predictions: Any, targets: Any, *, reduction: str = "mean") -> gd.Tensor:
    """|p − t|; its derivative at 0 is 0. Arguments and errors as for :func:`mean_squared`."""
    return _of_difference("mean_absolute", gd.abs, predictions, targets, reduction)


def _huber(d: gd.Tensor, delta: float) -> gd.Tensor:
    near = gd.clip(gd.abs(d), high=delta)
    return near * (gd.abs(d) - 0.5 * near)


huber_of = gd.Composite(
    "huber",
    _huber,
    vjp=(lambda g, out, d, delta: g * gd.clip(d, -delta, delta),),
    elementwise=True,
    floating=True,
    formula=("d kept between −δ and δ",),
)


def huber(predictions: Any, targets: Any, *, delta: float = 1.0, reduction: str = "mean") -> gd.Tensor:
    """½d² for differences |d| ≤ δ, and δ(|d| − ½δ) beyond (Huber 1964).

    Args:
        delta: δ, above 0.
        The rest as for :func:`mean_squared`.

    Raises:
        ShapeError, ArgumentError: as there; a delta of 0 or less.
    """
    with locating("huber"):
        check_numbers(delta=delta)
    if not delta > 0:
        raise located(ArgumentError(f"delta={delta} bounds nothing", fix="give delta > 0"), "huber")
    return _of_difference("huber", lambda d: huber_of(d, delta=float(delta)), predictions, targets, reduction)


def _of_difference(
    name: str, size: Callable[[gd.Tensor], gd.Tensor], predictions: Any, targets: Any, reduction: str
) -> gd.Tensor:
    check_reduction(name, reduction)
    p, t = alike(name, predictions, targets)
    return reduced(size(p - t), reduction)
