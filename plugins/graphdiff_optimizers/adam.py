"""Adam and its relatives: steps along a mean gradient, divided by how large gradients have been."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import graphdiff as gd
from graphdiff.train import Common, Optimizer, State
from graphdiff_optimizers.adaptive import check_shares, moved


class _Moments(Optimizer):
    """What has means m and v of ∇ and ∇².

    Args:
        betas: the shares that m and v keep, from 0 to below 1.
        eps: what is added to √v̂.
    """

    def __init__(self, lr: float, betas: tuple[float, float], eps: float, **common: Unpack[Common]) -> None:
        check_shares(type(self).__name__, beta1=betas[0], beta2=betas[1])
        super().__init__(lr, **common)
        self.betas = betas
        self.eps = eps

    def initial(self, parameter: gd.Tensor) -> State:
        return {kind: gd.zeros_like(parameter) for kind in ("mean", "square")}

    def moments(self, gradient: gd.Tensor, state: State) -> State:
        """The means with this step's gradient."""
        return {
            "mean": moved(state["mean"], gradient, self.betas[0]),
            "square": moved(state["square"], gd.square(gradient), self.betas[1]),
        }


class Adam(_Moments):
    """w ← w − lr · m̂ / (√v̂ + ε), with m and v the means of ∇ and ∇², both corrected for having started at 0
    (Kingma and Ba 2015, algorithm 1).

    The corrections count the steps since a parameter's first update.

    Args:
        lr: the learning rate, above 0.
        betas: the shares that m and v keep, from 0 to below 1.
        eps: ε.
        amsgrad: divide by the largest v so far (Reddi et al. 2018).
        common: weight_decay, groups, clip_norm, clip_value: :class:`graphdiff.train.Common`.

    Raises:
        ArgumentError: values outside these ranges.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(lr, betas, eps, **common)
        self.amsgrad = amsgrad

    def initial(self, parameter: gd.Tensor) -> State:
        largest = {"largest": gd.zeros_like(parameter)} if self.amsgrad else {}
        return super().initial(parameter) | largest

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        new = self.moments(gradient, state)
        square = new["square"]
        if self.amsgrad:
            square = new["largest"] = gd.maximum(state["largest"], square)
        mean_share, square_share = (
            gd.cast(1 - beta ** self.count(state), parameter.dtype) for beta in self.betas
        )
        size = gd.sqrt(square) / gd.sqrt(square_share) + self.eps
        return parameter - lr / mean_share * (new["mean"] / size), new


class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 by default (Loshchilov and Hutter 2019, algorithm 2).

    Arguments and errors as for :class:`Adam`.
    """

    decoupled: ClassVar[bool] = True

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        common.setdefault("weight_decay", 0.01)
        super().__init__(lr, betas, eps, amsgrad, **common)


class NAdam(_Moments):
    """Adam with Nesterov's look ahead (Dozat 2016, algorithm 2; as torch writes it).

    Args:
        lr: the learning rate, above 0.
        betas: the shares that the means of ∇ and ∇² keep, from 0 to below 1.
        eps: ε.
        momentum_decay: ψ: step t has the momentum μₜ = β₁(1 − ½ · 0.96^(tψ)).
        common: weight_decay, groups, clip_norm, clip_value: :class:`graphdiff.train.Common`.

    Raises:
        ArgumentError: values outside these ranges.
    """

    def __init__(
        self,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(lr, betas, eps, **common)
        self.momentum_decay = momentum_decay

    def initial(self, parameter: gd.Tensor) -> State:
        start = super().initial(parameter)
        return start | {"product": gd.cast(gd.ones_like(gd.sum(start["mean"])), "float64")}

    def update(
        self, parameter: gd.Tensor, gradient: gd.Tensor, state: State, lr: gd.Tensor
    ) -> tuple[gd.Tensor, State]:
        new = self.moments(gradient, state)
        step = self.count(state)
        share = gd.cast(1 - self.betas[1] ** step, parameter.dtype)
        size = gd.sqrt(new["square"] / share) + self.eps
        now, ahead = self._momentum(step), self._momentum(step + 1)
        product = state["product"] * now
        of_gradient, of_mean = (1 - now) / (1 - product), ahead / (1 - product * ahead)
        along = (
            gd.cast(of_gradient, parameter.dtype) * gradient + gd.cast(of_mean, parameter.dtype) * new["mean"]
        )
        return parameter - lr * (along / size), new | {"product": product}

    def _momentum(self, step: Any) -> gd.Tensor:
        share: gd.Tensor = self.betas[0] * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))
        return share
