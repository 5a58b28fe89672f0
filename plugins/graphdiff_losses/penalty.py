"""Penalties on parameters: what regularisation adds to a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce

import graphdiff as gd
from graphdiff.arguments import check_numbers, entries
from graphdiff.errors import ArgumentError
from graphdiff.matching import Match, matched

Parameters = gd.Module | Iterable[gd.Tensor]


def l2(parameters: Parameters, strength: float, *, match: Match | None = None) -> gd.Tensor:
    """strength · Σ w², over all elements of all parameters (no factor ½).

    Args:
        parameters: a module, or tensors.
        strength: λ, at least 0.
        match: which of a module's parameters: a pattern of paths (``"*.weight"``), several, or a predicate
            of path and parameter; :func:`graphdiff.matching.weights` leaves out biases and norms. All by
            default.

    Raises:
        ArgumentError: no parameters, a negative strength, or a match without a module.
    """
    return _penalty("l2", gd.square, parameters, strength, match)


def l1(parameters: Parameters, strength: float, *, match: Match | None = None) -> gd.Tensor:
    """strength · Σ |w|, over all elements of all parameters; the derivative at 0 is 0.

    Arguments and errors as for :func:`l2`.
    """
    return _penalty("l1", gd.abs, parameters, strength, match)


def elastic_net(
    parameters: Parameters, strength: float, *, ratio: float = 0.5, match: Match | None = None
) -> gd.Tensor:
    """strength · Σ (ratio · |w| + (1 − ratio) · w²) (Zou and Hastie 2005, section 2.1).

    Args:
        ratio: from 0 (L2 alone) to 1 (L1 alone).
        The rest as for :func:`l2`.

    Raises:
        ArgumentError: as for l2, or a ratio outside 0 … 1.
    """
    check_numbers(ratio=ratio)
    if not 0 <= ratio <= 1:
        raise ArgumentError(f"ratio={ratio} mixes nothing", fix="give a number from 0 to 1")

    def mixed(w: gd.Tensor) -> gd.Tensor:
        return ratio * gd.abs(w) + (1 - ratio) * gd.square(w)

    return _penalty("elastic_net", mixed, parameters, strength, match)


def _penalty(
    name: str,
    size: Callable[[gd.Tensor], gd.Tensor],
    parameters: Parameters,
    strength: float,
    match: Match | None,
) -> gd.Tensor:
    shape = getattr(strength, "shape", ())
    if shape:
        raise ArgumentError(
            f"{name} is a penalty on parameters, {name}(model, strength), and was given a strength of shape "
            f"{shape}",
            fix="choose a loss, such as softmax_cross_entropy, and add the penalty to it: "
            f"Trainer(penalty=lambda model: {name}(model, 1e-4)), on the command line --l1 or --l2",
        )
    check_numbers(strength=strength)
    tensors = _chosen(name, parameters, match)
    if not tensors or not strength >= 0:
        raise ArgumentError(
            f"{name} of {len(tensors)} parameters with strength {strength}",
            fix="give at least one parameter and a strength of at least 0",
        )
    with gd.scope(name):
        return reduce(gd.add, (gd.sum(size(w)) for w in tensors)) * strength


def _chosen(name: str, parameters: Parameters, match: Match | None) -> list[gd.Tensor]:
    if isinstance(parameters, gd.Module):
        return list(parameters.parameters()) if match is None else [p for _, p in matched(parameters, match)]
    if match is not None:
        raise ArgumentError(f"{name} cannot match names: tensors have no paths", fix="give the module")
    return [gd.as_tensor(w) for w in entries("parameters", parameters)]
