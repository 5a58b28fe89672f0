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
from graphdiff.errors import StateError
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

    @property
    def lr(self) -> float:
        """The learning rate."""
        return float(self._lr.item())

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr.assign(float(value))

    def initial(self, parameter: Tensor) -> State:
        """The state of a parameter before its first update; may depend on its shape and dtype alone."""
        return {}

    @abstractmethod
    def update(self, parameter: Tensor, gradient: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        """The parameter's new value and state, written in graph operations; changes nothing.

        ``lr`` is a scalar of the parameter's dtype.
        """

    def step(self, module: Module, gradients: Backward | Mapping[str, Tensor]) -> None:
        """Give every parameter of the module that has a gradient its new value.

        Args:
            gradients: what ``backward()`` returned, or parameter path -> gradient.
        """
        with context.no_grad(), context.role("update"):
            for name, parameter in module.named_parameters():
                key: Any = parameter if isinstance(gradients, Backward) else name
                if key not in gradients:
                    continue
                if name not in self.state:
                    self.state[name] = _cells(name, self.initial(parameter))
                cells = self.state[name]
                lr = ops.cast(self._lr, parameter.dtype)
                value, state = self.update(parameter, gradients[key], dict(cells), lr)
                parameter.assign(value)
                for kind, cell in cells.items():
                    cell.assign(state[kind])

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """``path/name`` -> a copy of the value, for every parameter's state."""
        return {cell.name: np.array(cell.numpy()) for cells in self.state.values() for cell in cells.values()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state that :meth:`state_dict` gave.

        Raises:
            StateError: a key that is not ``path/name``.
        """
        loaded: dict[str, dict[str, Cell]] = {}
        for key, value in state.items():
            path, slash, kind = key.rpartition("/")
            if not slash:
                raise StateError(f"{key!r} is no optimizer state", fix="load what state_dict() gave")
            loaded.setdefault(path, {})[kind] = Cell(value, name=key)
        self.state = loaded


def _cells(path: str, state: State) -> dict[str, Cell]:
    return {kind: Cell(value, name=f"{path}/{kind}") for kind, value in state.items()}
