"""The lecture's circuit f = (x + y)·z: every number of its forward and backward pass.

Source: Stanford CS231n, "Backpropagation, Intuitions": f(−2, 5, −4) = −12 with gradients −4, −4, 3.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import graphdiff as gd
from graphdiff.errors import GradientError
from graphdiff.testing import numerical_gradient, relative_error

POINT = {"x": -2.0, "y": 5.0, "z": -4.0}
TOLERANCE = 1e-6


class Edge(NamedTuple):
    """One edge of the circuit: contribution = local × upstream."""

    operation: str
    operand: str
    value: float
    local: float
    upstream: float
    contribution: float


class Check(NamedTuple):
    """The gradient of one variable, worked out in two ways."""

    variable: str
    value: float
    gradient: float
    numerical: float
    error: float


def circuit(x: Any, y: Any, z: Any) -> gd.Tensor:
    q = gd.add(x, y).named("q")
    return gd.multiply(q, z).named("f")


def differentiate() -> gd.Backward:
    """The circuit at the lecture's point, with its backward pass."""
    return circuit(*gd.variables(**POINT)).backward()


def edges(back: gd.Backward) -> list[Edge]:
    """Every edge that a gradient flowed along, from the output back."""
    return [
        Edge(
            f"{node.label} = {node.inputs[0].label} {node.primitive.symbol} {node.inputs[1].label}",
            node.inputs[k].label,
            node.inputs[k].item(),
            back.local(node, k).item(),
            back.upstream(node).item(),
            back.contribution(node, k).item(),
        )
        for node, k in back.edges()
        if node.primitive is not None
    ]


def checks(back: gd.Backward) -> list[Check]:
    """The gradients against central differences.

    Raises:
        GradientError: one differs by more than 1e-6 of its size.
    """
    found = []
    for variable in back.wanted:
        numerical = numerical_gradient(partial(_with, variable.name), variable.item()).item()
        error = float(relative_error(back[variable].item(), numerical))
        if not error <= TOLERANCE:
            raise GradientError(f"∂f/∂{variable.name} is {back[variable].item()}, numerically {numerical}")
        found.append(Check(variable.name, variable.item(), back[variable].item(), numerical, error))
    return found


def _with(name: str, value: Any) -> gd.Tensor:
    """f with one variable changed."""
    return circuit(**{**POINT, name: gd.tensor(value)})
