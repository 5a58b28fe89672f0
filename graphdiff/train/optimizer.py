"""Optimizers: an update rule written in graph operations, and the state it carries from step to step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphdiff import context
from graphdiff.autodiff import Backward
from graphdiff.errors import StateError
from graphdiff.module import Module
from graphdiff.tensor import Tensor, leaf

State = dict[str, Tensor]


class Optimizer(ABC):
    """Base of optimizers. A subclass says how one parameter changes.

    Args:
        lr: the learning rate; may be set between steps.
    """

    def __init__(self, lr: float) -> None:
        self.lr = lr
        self.state: dict[str, State] = {}

    @abstractmethod
    def initial(self, parameter: Tensor) -> State:
        """The state of a parameter before its first update."""

    @abstractmethod
    def update(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        """The parameter's new value and state, written in graph operations; changes nothing."""

    def step(self, module: Module, gradients: Backward | Mapping[str, Tensor]) -> None:
        """Give every parameter of the module that has a gradient its new value.

        Args:
            gradients: what ``backward()`` returned, or parameter path -> gradient.
        """
        with context.no_grad(), context.role("update"):
            for name, parameter in module.named_parameters():
                key: Any = parameter if isinstance(gradients, Backward) else name
                if key in gradients:
                    state = self.state.get(name) or self.initial(parameter)
                    value, self.state[name] = self.update(parameter, gradients[key], state)
                    parameter.assign(value)

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """``path/name`` -> a copy of the value, for every parameter's state."""
        return {
            f"{path}/{name}": np.array(value.numpy())
            for path, state in self.state.items()
            for name, value in state.items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state that :meth:`state_dict` gave.

        Raises:
            StateError: a key that is not ``path/name``.
        """
        loaded: dict[str, State] = {}
        for key, value in state.items():
            path, slash, name = key.rpartition("/")
            if not slash:
                raise StateError(f"{key!r} is no optimizer state", fix="load what state_dict() gave")
            loaded.setdefault(path, {})[name] = leaf(value, copy=True)
        self.state = loaded
