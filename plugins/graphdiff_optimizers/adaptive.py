"""Descent along gradients divided by how large they have been: AdaGrad, RMSProp, Adadelta."""

from __future__ import annotations

from typing import Unpack

import graphdiff as gd
from graphdiff.arguments import check_numbers
from graphdiff.errors import ArgumentError
from graphdiff.train import Common, Optimizer, State


class AdaGrad(Optimizer):
    """s ← s + ∇², w ← w − lr · ∇ / (√s + ε) (Duchi et al. 2011).

    Args:
        lr: the learning rate, above 0.
        eps: ε.
        common: weight_decay, groups, clip_norm, clip_value: :class:`graphdiff.train.Common`.
    """

    def __init__(self, lr: float = 0.01, eps: float = 1e-10, **common: Unpack[Common]) -> None:
        super().__init__(lr, **common)
        self.eps = eps

    def initial(self, parameter: gd.Tensor) -> State:
        return {"squares": gd.zeros_like(parameter)}

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        squares = state["squares"] + gd.square(gradient)
        return parameter - lr * (gradient / (gd.sqrt(squares) + self.eps)), {"squares": squares}


class RMSProp(Optimizer):
    """s ← α s + (1 − α) ∇², w ← w − lr · ∇ / (√s + ε) (Tieleman and Hinton 2012).

    Args:
        lr: the learning rate, above 0.
        alpha: α, from 0 to below 1.
        eps: ε.
        momentum: μ: steps v ← μ v + ∇ / (√s + ε) instead.
        centered: the square of a mean gradient is subtracted from s (Graves 2013, section 4.2).
        common: weight_decay, groups, clip_norm, clip_value: :class:`graphdiff.train.Common`.

    Raises:
        ArgumentError: values outside these ranges.
    """

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        **common: Unpack[Common],
    ) -> None:
        check_shares("RMSProp", alpha=alpha, momentum=momentum)
        super().__init__(lr, **common)
        self.alpha = alpha
        self.eps = eps
        self.momentum = momentum
        self.centered = centered

    def initial(self, parameter: gd.Tensor) -> State:
        kinds = {"square": True, "mean": self.centered, "velocity": self.momentum}
        return {kind: gd.zeros_like(parameter) for kind, kept in kinds.items() if kept}

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        new = {"square": moved(state["square"], gd.square(gradient), self.alpha)}
        spread = new["square"]
        if self.centered:
            new["mean"] = moved(state["mean"], gradient, self.alpha)
            spread = spread - gd.square(new["mean"])
        along = gradient / (gd.sqrt(spread) + self.eps)
        if self.momentum:
            along = new["velocity"] = self.momentum * state["velocity"] + along
        return parameter - lr * along, new


class Adadelta(Optimizer):
    """Steps as large as the steps so far, by root mean squares: d = ∇ · √(u + ε) / √(s + ε), w ← w − lr · d,
    with s and u the means of ∇² and d² (Zeiler 2012, algorithm 1).

    Args:
        lr: the learning rate, above 0; 1 in the paper.
        rho: ρ, the share that the means keep, from 0 to below 1.
        eps: ε.
        common: weight_decay, groups, clip_norm, clip_value: :class:`graphdiff.train.Common`.

    Raises:
        ArgumentError: values outside these ranges.
    """

    def __init__(
        self, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, **common: Unpack[Common]
    ) -> None:
        check_shares("Adadelta", rho=rho)
        super().__init__(lr, **common)
        self.rho = rho
        self.eps = eps

    def initial(self, parameter: gd.Tensor) -> State:
        return {"square": gd.zeros_like(parameter), "step_square": gd.zeros_like(parameter)}

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        square = moved(state["square"], gd.square(gradient), self.rho)
        along = gd.sqrt(state["step_square"] + self.eps) / gd.sqrt(square + self.eps) * gradient
        steps = moved(state["step_square"], gd.square(along), self.rho)
        return parameter - lr * along, {"square": square, "step_square": steps}


def moved(mean: gd.Tensor, value: gd.Tensor, keep: float) -> gd.Tensor:
    """An exponential mean that keeps a share and takes the rest from a new value."""
    return keep * mean + (1 - keep) * value


def check_shares(optimizer: str, **shares: float) -> None:
    """Refuse shares that do not let a mean move.

    Raises:
        ArgumentError: one that is not from 0 to below 1.
    """
    check_numbers(**shares)
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ArgumentError(f"{optimizer}({name}={share}) does not descend", fix=f"give 0 ≤ {name} < 1")
