"""The gradients that an update is made from."""

from __future__ import annotations

from collections.abc import Mapping

from graphdiff.autodiff import Backward
from graphdiff.errors import ArgumentError
from graphdiff.module import Module
from graphdiff.tensor import Tensor


def gradients_of(module: Module, gradients: Backward | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of every parameter of a module that has one, by path.

    Args:
        gradients: what ``backward()`` returned, or path -> gradient.

    Raises:
        ArgumentError: neither of these, names that no parameter has, or no gradient of any parameter.
    """
    parameters = dict(module.named_parameters())
    if isinstance(gradients, Backward):
        found = {name: gradients.gradient(p) for name, p in parameters.items() if p in gradients}
    elif isinstance(gradients, Mapping):
        _check_names(gradients, parameters)
        found = {name: gradients[name] for name in parameters if name in gradients}
    else:
        shape = f" of shape {gradients.shape}" if isinstance(gradients, Tensor) else ""
        raise ArgumentError(
            f"a {type(gradients).__name__}{shape} in place of gradients",
            fix="pass what loss.backward() returned, or a dict of parameter path -> gradient",
        )
    if not found:
        raise ArgumentError(
            f"none of the gradients is by a parameter of this {type(module).__name__} "
            f"({', '.join(parameters) or 'it has none'})",
            fix="pass the model that the loss was computed with, and what backward() of that loss returned",
        )
    return found


def _check_names(gradients: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> None:
    unknown = sorted(gradients.keys() - parameters.keys())
    if unknown:
        raise ArgumentError(
            f"no parameters are called {', '.join(unknown)}", fix=f"there are {', '.join(parameters)}"
        )
