"""Descent by signs."""

from __future__ import annotations

from typing import ClassVar, Unpack

import graphdiff as gd
from graphdiff.train import Common, Optimizer, State
from graphdiff_optimizers.adaptive import check_shares, moved


class Lion(Optimizer):
    """w ← w − lr · (sign(β₁ m + (1 − β₁) ∇) + λw), then m ← β₂ m + (1 − β₂) ∇ (Chen et al. 2023,
    algorithm 2).

    Args:
        lr: the learning rate, above 0; the paper takes a third to a tenth of AdamW's.
        betas: β₁ and β₂, from 0 to below 1.
        common: weight_decay (decoupled), groups, clip_norm, clip_value: :class:`graphdiff.train.Common`.

    Raises:
        ArgumentError: values outside these ranges.
    """

    decoupled: ClassVar[bool] = True

    def __init__(
        self, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), **common: Unpack[Common]
    ) -> None:
        check_shares("Lion", beta1=betas[0], beta2=betas[1])
        super().__init__(lr, **common)
        self.betas = betas

    def initial(self, parameter: gd.Tensor) -> State:
        return {"mean": gd.zeros_like(parameter)}

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        one, two = self.betas
        along = gd.sign(moved(state["mean"], gradient, one))
        return parameter - lr * along, {"mean": moved(state["mean"], gradient, two)}
