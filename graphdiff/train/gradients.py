"""The gradients that an update is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphdiff.arguments import kind_of
from graphdiff.autodiff import Backward
from graphdiff.errors import ArgumentError, GraphdiffError, ShapeError
from graphdiff.leaf import as_tensor
from graphdiff.module import Module
from graphdiff.tensor import Tensor


def gradients_of(module: Module, gradients: Backward | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of every parameter of a module that has one, by path.

    Args:
        gradients: what ``backward()`` returned, or path -> gradient.

    Raises:
        ArgumentError: neither of these, names that no parameter has, or no gradient of any parameter.
        ShapeError: a gradient of another shape than its parameter.
    """
    parameters = dict(module.named_parameters())
    if isinstance(gradients, Backward):
        found = {name: gradients.gradient(p) for name, p in parameters.items() if p in gradients}
    elif isinstance(gradients, Mapping):
        _check_names(gradients, parameters)
        found = {name: _of(p, name, gradients[name]) for name, p in parameters.items() if name in gradients}
    else:
        shape = f" of shape {gradients.shape}" if isinstance(gradients, Tensor) else ""
        raise ArgumentError(
            f"{kind_of(gradients)}{shape} in place of gradients",
            fix="pass what loss.backward() returned, or a dict of parameter path -> gradient",
        )
    if not found:
        raise ArgumentError(
            f"none of the gradients is by a parameter of this {type(module).__name__} "
            f"({', '.join(parameters) or 'it has none'})",
            fix="pass the model that the loss was computed with, and what backward() of that loss returned",
        )
    return found


def _of(parameter: Tensor, name: str, gradient: Any) -> Tensor:
    """The gradient of a parameter, which would broadcast if it were smaller."""
    try:
        found = as_tensor(gradient)
    except GraphdiffError:
        raise ArgumentError(
            f"the gradient of {name} is {gradient!r}, no tensor",
            fix="give one tensor per parameter, and leave out those without a gradient",
        ) from None
    if found.shape != parameter.shape:
        raise ShapeError(
            f"the gradient of {name} has shape {found.shape}, the parameter {parameter.shape}",
            fix="give a gradient of the parameter's shape: graphdiff.broadcast_to(g, shape)",
        )
    return found


def _check_names(gradients: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> None:
    unknown = sorted(map(str, gradients.keys() - parameters.keys()))
    if unknown:
        raise ArgumentError(
            f"no parameters are called {', '.join(unknown)}", fix=f"there are {', '.join(parameters)}"
        )
