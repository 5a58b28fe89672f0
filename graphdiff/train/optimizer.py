"""Optimizers: an update rule written in graph operations, and the state it carries from step to step.

State and learning rate live in cells, so a compiled step takes them as inputs and gives them back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphdiff import context, ops
from graphdiff.autodiff import Backward
from graphdiff.cell import Cell
from graphdiff.errors import ArgumentError, StateError
from graphdiff.graph import TensorSpec
from graphdiff.module import Module
from graphdiff.tensor import Tensor

State = dict[str, Tensor]


class Optimizer(ABC):
    """Base of optimizers. A subclass says how one parameter changes.

    Args:
        lr: the learning rate; may be set between steps.
    """

    def __init__(self, lr: float) -> None:
        self._lr = Cell(float(lr), "float64", name="lr")
        self.state: dict[str, dict[str, Cell]] = {}
        self._fitting: dict[str, TensorSpec] = {}  # the parameters whose state was found to suit them

    @property
    def lr(self) -> float:
        """The learning rate."""
        return float(self._lr.item())

    @lr.setter
    def lr(self, value: float) -> None:
        if not value > 0:
            raise ArgumentError(f"a learning rate of {value} does not descend", fix="give lr > 0")
        self._lr.assign(float(value))

    def initial(self, parameter: Tensor) -> State:
        """The state of a parameter before its first update; may depend on its shape and dtype alone."""
        return {}

    @abstractmethod
    def update(self, parameter: Tensor, gradient: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        """The parameter's new value and state, written in graph operations; changes nothing.

        ``lr`` is a scalar of the parameter's dtype.
        """

    def step(
        self, module: Module, gradients: Backward | Mapping[str, Tensor], *, when: Tensor | None = None
    ) -> None:
        """Give every parameter of the module that has a gradient its new value.

        Args:
            gradients: what ``backward()`` returned, or parameter path -> gradient.
            when: a boolean without axes; where it is false, parameters and state stay as they are.

        Raises:
            ArgumentError: a name that no parameter has.
            StateError: loaded state of another optimizer or model.
        """
        parameters = dict(module.named_parameters())
        if not isinstance(gradients, Backward) and not gradients.keys() <= parameters.keys():
            raise ArgumentError(
                f"no parameters are called {', '.join(sorted(gradients.keys() - parameters.keys()))}",
                fix=f"there are {', '.join(parameters)}",
            )
        with context.no_grad(), context.role("update"):
            # Everything is worked out before anything is assigned: an error leaves all as it was.
            new: list[tuple[Cell, Tensor]] = []
            for name, parameter in parameters.items():
                found = _gradient(gradients, name, parameter)
                if found is not None:
                    new += self._updated(parameter, found, self._cells(name, parameter))
            for cell, value in new:
                cell.assign(value if when is None else ops.where(when, value, cell))

    def _updated(
        self, parameter: Cell, gradient: Tensor, cells: dict[str, Cell]
    ) -> list[tuple[Cell, Tensor]]:
        lr = ops.cast(self._lr, parameter.dtype)
        value, state = self.update(parameter, gradient, dict(cells), lr)
        return [(parameter, value), *((cell, state[kind]) for kind, cell in cells.items())]

    def _cells(self, path: str, parameter: Tensor) -> dict[str, Cell]:
        """The parameter's state; made at its first update.

        Raises:
            StateError: loaded state that is not of this optimizer's kind, or of another shape.
        """
        if path in self.state and self._fitting.get(path) is parameter.spec:
            return self.state[path]
        initial = self.initial(parameter)
        if path not in self.state:
            self.state[path] = {kind: Cell(value, name=f"{path}/{kind}") for kind, value in initial.items()}
        shapes = {kind: cell.shape for kind, cell in self.state[path].items()}
        wanted = {kind: value.shape for kind, value in initial.items()}
        if shapes != wanted:
            raise StateError(
                f"the state of {path} is {shapes}, {type(self).__name__} needs {wanted}",
                fix="load the state of the same optimizer and model, or make a new optimizer",
            )
        self._fitting[path] = parameter.spec
        return self.state[path]

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """``path/name`` -> a copy of the value, for every parameter's state."""
        return {cell.name: np.array(cell.numpy()) for cells in self.state.values() for cell in cells.values()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state that :meth:`state_dict` gave.

        Raises:
            StateError: a key that is not ``path/name``.
        """
        for key in state:
            if "/" not in key:
                raise StateError(f"{key!r} is no optimizer state", fix="load what state_dict() gave")
        self._fitting.clear()
        for key, value in state.items():
            path, _, kind = key.rpartition("/")
            cells = self.state.setdefault(path, {})
            if kind in cells and cells[kind].shape == np.shape(value):
                cells[kind].assign(value)  # a compiled step holds on to the cell
            else:
                cells[kind] = Cell(value, name=key)


def _gradient(gradients: Backward | Mapping[str, Tensor], name: str, parameter: Cell) -> Tensor | None:
    if not isinstance(gradients, Backward):
        return gradients.get(name)
    return gradients.gradient(parameter) if parameter in gradients else None
