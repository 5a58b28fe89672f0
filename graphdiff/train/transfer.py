"""Transfer learning: a trained model with a new head, and parts of it that stay as they are."""

from __future__ import annotations

from typing import Any

from graphdiff.arguments import check_flags, check_integers, check_kind
from graphdiff.errors import ArgumentError
from graphdiff.matching import Match, matched
from graphdiff.module import Module
from graphdiff.plugins import Registry


def heads(model: Module) -> list[str]:
    """The paths of the layers that give a model's scores: those its class names in ``heads``, else the last
    linear layer."""
    named = getattr(model, "heads", None)
    if named is not None:
        return list(named)
    linear = [path for path, module in model.named_modules() if _is_linear(module)]
    return linear[-1:]


def replace_head(model: Module, num_classes: int) -> Module:
    """Give a model freshly drawn layers for other classes in place of its heads; returns the model.

    Raises:
        ArgumentError: a model without a linear layer at the end, or fewer than one class.
    """
    check_kind("model", model, Module, "give the model")
    check_integers(num_classes=num_classes)
    found = heads(model)
    if not found or num_classes < 1:
        raise ArgumentError(
            f"{type(model).__name__} gets no head for {num_classes} classes",
            fix="give at least one class, and a model with a linear layer, or name its heads in `heads`",
        )
    linear = Registry("layers").Linear
    for path in found:
        parent, name = _parent(model, path)
        old = getattr(parent, name)
        setattr(
            parent, name, linear(old.in_features, num_classes, old.bias is not None, dtype=old.weight.dtype)
        )
    return model.train(model.training)


def freeze(model: Module, match: Match = "*", *, frozen: bool = True) -> list[str]:
    """Let training leave parameters as they are; what they are the only ones of goes into evaluation mode.

    Args:
        match: a pattern of paths (``"features.*"``), several, or a predicate of path and parameter.
        frozen: ``False`` lets them be trained again.

    Returns:
        The paths of the parameters that were meant.

    Raises:
        ArgumentError: none is.
    """
    check_kind("model", model, Module, "give the model")
    check_flags(frozen=frozen)
    found = list(matched(model, match))
    for _, parameter in found:
        parameter.frozen = frozen
    model.train(model.training)
    return [name for name, _ in found]


def _is_linear(module: Module) -> bool:
    return hasattr(module, "in_features") and hasattr(module, "weight")


def _parent(model: Module, path: str) -> tuple[Any, str]:
    *above, name = path.split(".")
    for step in above:
        model = getattr(model, step)
    return model, name
