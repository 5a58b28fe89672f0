"""Loss scaling: gradients of float16 kept from vanishing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from graphdiff import context, ops
from graphdiff.arguments import check_integers, check_kind, check_numbers, shown
from graphdiff.autodiff import Backward
from graphdiff.cell import Cell
from graphdiff.errors import ArgumentError, StateError
from graphdiff.leaf import as_tensor
from graphdiff.module import Module
from graphdiff.tensor import Tensor
from graphdiff.train.gradients import gradients_of
from graphdiff.train.optimizer import Optimizer

_SMALLEST, _LARGEST = 2.0**-24, 2.0**100  # of a scale: float32 can divide by it and multiply with it


class LossScaler:
    """Multiplies the loss before the backward pass and divides the gradients after it. A step whose gradients
    are not all finite is left out and the scale lowered; after many good steps it is raised (Micikevicius et
    al. 2018, section 3.2). All of it are graph operations, so a compiled step need not look at any value::

        with gd.autocast("float16"):
            loss = loss_of(model(x), y)
        back = scaler.scaled(loss).backward(wrt=model.parameters())
        scaler.step(optimizer, model, back)

    Args:
        scale: the first factor.
        growth: what the factor is multiplied by after ``interval`` good steps in a row, and divided by after
            a bad one.
        interval: in steps.

    Raises:
        ArgumentError: a scale not above 0, a growth not above 1, or an interval below 1.
    """

    def __init__(self, scale: float = 2.0**16, *, growth: float = 2.0, interval: int = 2000) -> None:
        check_numbers(scale=scale, growth=growth)
        check_integers(interval=interval)
        if not scale > 0 or not growth > 1 or interval < 1:
            raise ArgumentError(
                f"LossScaler(scale={scale}, growth={growth}, interval={interval}) does not scale",
                fix="give scale > 0, growth > 1 and interval ≥ 1",
            )
        self.growth = growth
        self.interval = interval
        self._scale = Cell(float(scale), "float32", name="loss scale")
        self._good = Cell(0, "int64", name="good steps")

    @property
    def scale(self) -> float:
        """The present factor."""
        return float(self._scale.item())

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """The present factor, ``scale``, and how many good steps it has seen, ``good``."""
        return {name: np.array(cell.numpy()) for name, cell in self._cells.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what :meth:`state_dict` gave.

        Raises:
            StateError: other names. ShapeError: what is no single number.
        """
        check_kind("state", state, Mapping, "load what state_dict() gave")
        if state.keys() != self._cells.keys():
            raise StateError(
                f"a loss scaler has {', '.join(self._cells)}, the state has {shown([*state])}",
                fix="load what state_dict() gave",
            )
        for name, cell in self._cells.items():
            cell.assign(state[name])

    @property
    def _cells(self) -> dict[str, Cell]:
        return {"scale": self._scale, "good": self._good}

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to run backward from."""
        loss = as_tensor(loss)
        return loss * ops.cast(self._scale, loss.dtype)

    def step(
        self, optimizer: Optimizer, module: Module, gradients: Backward | Mapping[str, Tensor]
    ) -> Tensor:
        """Let the optimizer step with the gradients as they would be without a scale, if all are finite.

        Returns:
            Whether it did, a boolean tensor without axes.
        """
        with context.no_grad(), context.role("update"):
            unscaled = {
                name: g / ops.cast(self._scale, g.dtype)
                for name, g in gradients_of(module, gradients).items()
            }
            finite = reduce(ops.logical_and, (ops.isfinite(ops.sum(g * 0)) for g in unscaled.values()))
            optimizer.step(module, unscaled, when=finite)
            good = ops.where(finite, self._good + 1, 0)
            grown = good >= self.interval
            raised = ops.where(grown, ops.minimum(self._scale * self.growth, _LARGEST), self._scale)
            lowered = ops.maximum(self._scale / self.growth, _SMALLEST)
            self._scale.assign(ops.where(finite, raised, lowered))
            self._good.assign(ops.where(grown, 0, good))
        return finite
