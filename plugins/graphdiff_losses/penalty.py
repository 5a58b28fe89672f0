"""Penalties on parameters: what regularisation adds to a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce

import graphdiff as gd
from graphdiff.errors import ArgumentError


def l2(parameters: gd.Module | Iterable[gd.Tensor], strength: float) -> gd.Tensor:
    """strength · Σ w², over all elements of all parameters (no factor ½).

    Raises:
        ArgumentError: no parameters, or a negative strength.
    """
    return _penalty("l2", gd.square, parameters, strength)


def l1(parameters: gd.Module | Iterable[gd.Tensor], strength: float) -> gd.Tensor:
    """strength · Σ |w|, over all elements of all parameters; the derivative at 0 is 0.

    Raises:
        ArgumentError: no parameters, or a negative strength.
    """
    return _penalty("l1", gd.abs, parameters, strength)


def _penalty(
    name: str,
    size: Callable[[gd.Tensor], gd.Tensor],
    parameters: gd.Module | Iterable[gd.Tensor],
    strength: float,
) -> gd.Tensor:
    tensors = parameters.parameters() if isinstance(parameters, gd.Module) else list(parameters)
    if not tensors or strength < 0:
        raise ArgumentError(
            f"{name} of {len(tensors)} parameters with strength {strength}",
            fix="give at least one parameter and a strength of at least 0",
        )
    with gd.scope(name):
        return reduce(gd.add, (gd.sum(size(w)) for w in tensors)) * strength
