"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Unpack

import graphdiff as gd
from graphdiff.arguments import check_numbers
from graphdiff.errors import ArgumentError
from graphdiff.train import Common, Optimizer, State


class SGD(Optimizer):
    """v ← μ v + ∇, w ← w − lr · v; plain descent for momentum μ = 0 (Sutskever et al. 2013, as torch
    writes it).

    Args:
        lr: the learning rate, above 0.
        momentum: μ, from 0 to below 1.
        nesterov: look ahead: w ← w − lr · (∇ + μ v).
        common: weight_decay, groups, clip_norm, clip_value: :class:`graphdiff.train.Common`.

    Raises:
        ArgumentError: values outside these ranges; nesterov without momentum.
    """

    def __init__(
        self, lr: float, momentum: float = 0.0, nesterov: bool = False, **common: Unpack[Common]
    ) -> None:
        check_numbers(momentum=momentum)
        if not 0 <= momentum < 1 or (nesterov and not momentum):
            raise ArgumentError(
                f"SGD(momentum={momentum}, nesterov={nesterov}) does not descend",
                fix="give 0 ≤ momentum < 1, above 0 for nesterov",
            )
        super().__init__(lr, **common)
        self.momentum = momentum
        self.nesterov = nesterov

    def initial(self, parameter: gd.Tensor) -> State:
        return {"velocity": gd.zeros_like(parameter)} if self.momentum else {}

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        if not self.momentum:
            return parameter - lr * gradient, {}
        velocity = self.momentum * state["velocity"] + gradient
        along = gradient + self.momentum * velocity if self.nesterov else velocity
        return parameter - lr * along, {"velocity": velocity}
