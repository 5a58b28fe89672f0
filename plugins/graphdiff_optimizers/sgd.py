"""Stochastic gradient descent."""

from __future__ import annotations

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.train import Optimizer, State


class SGD(Optimizer):
    """v ← μ v + ∇, w ← w − lr · v; plain descent for momentum μ = 0 (Sutskever et al. 2013, as torch
    writes it).

    Args:
        lr: the learning rate, above 0.
        momentum: μ, from 0 to below 1.

    Raises:
        ArgumentError: values outside these ranges.
    """

    def __init__(self, lr: float, momentum: float = 0.0) -> None:
        if not lr > 0 or not 0 <= momentum < 1:
            raise ArgumentError(
                f"SGD(lr={lr}, momentum={momentum}) does not descend",
                fix="give lr > 0 and 0 ≤ momentum < 1",
            )
        super().__init__(lr)
        self.momentum = momentum

    def initial(self, parameter: gd.Tensor) -> State:
        return {"velocity": gd.zeros_like(parameter)} if self.momentum else {}

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        if not self.momentum:
            return parameter - lr * gradient, {}
        velocity = self.momentum * state["velocity"] + gradient
        return parameter - lr * velocity, {"velocity": velocity}
