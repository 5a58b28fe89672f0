"""Optimizers: an update rule written in graph operations, and the state it carries from step to step.

State, learning rate and step count live in cells, so a compiled step takes them as inputs and gives them
back. The learning rate may be set between steps; all other options are built into the graph and fixed.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict, Unpack

import numpy as np

from graphdiff import context, ops
from graphdiff.arguments import check_kind, check_numbers
from graphdiff.autodiff import Backward
from graphdiff.cell import Cell
from graphdiff.errors import ArgumentError, MutationError, StateError
from graphdiff.graph import TensorSpec
from graphdiff.matching import Match
from graphdiff.module import Module, count_replacement
from graphdiff.spelling import choice
from graphdiff.tensor import Tensor
from graphdiff.train.clipping import Clipping
from graphdiff.train.gradients import gradients_of
from graphdiff.train.groups import Group, Groups
from graphdiff.train.sharding import Shards

State = dict[str, Tensor]
_SHARED = ""  # the path of what belongs to no parameter
_LATE = "late"  # of a parameter that was first updated later: how many steps were done before


class Common(TypedDict, total=False):
    """The options that every optimizer takes, with their defaults.

    Keys:
        weight_decay: λ (0). Added to the gradient as λw, or, where an optimizer is ``decoupled``, the
            parameter is multiplied by 1 − lr · λ first (Loshchilov and Hutter 2019).
        groups: pattern of paths (or anything else that :data:`graphdiff.matching.Match` allows) -> options
            of the parameters that match: ``lr``, ``weight_decay``. The first match counts; what it does not
            name is as for all. ``{"*.bias": {"weight_decay": 0}, "features.*": {"lr": 1e-4}}``
        clip_norm: the gradients of all parameters together are scaled to at most this norm (Pascanu et al.
            2013, section 3.2; as torch does).
        clip_value: every element of every gradient is kept between −clip_value and clip_value, before that.
    """

    weight_decay: float
    groups: Mapping[Match, Mapping[str, Any]]
    clip_norm: float | None
    clip_value: float | None


class Optimizer(ABC):
    """Base of optimizers. A subclass says how one parameter changes.

    Args:
        lr: the learning rate, above 0.
        common: see :class:`Common`.

    Attributes:
        decoupled: whether weight decay acts on the parameter instead of its gradient.
        state: path -> name -> cell, for every parameter that has been updated and whose state this process
            holds; under "" what all share.

    Raises:
        ArgumentError: options that make no sense.
    """

    decoupled: ClassVar[bool] = False

    def __init__(self, lr: float, **common: Unpack[Common]) -> None:
        check_numbers(lr=lr)
        if not 0 < lr < np.inf:
            raise ArgumentError(f"{type(self).__name__}(lr={lr}) does not descend", fix="give lr > 0, finite")
        unknown = common.keys() - Common.__annotations__.keys()
        if unknown:
            own = [name for name in inspect.signature(type(self)).parameters if name != "common"]
            raise ArgumentError(
                f"{type(self).__name__} has no option {', '.join(sorted(unknown))}",
                fix=choice(min(unknown), [*own, *Common.__annotations__]),
            )
        self._made_with = {"lr": lr, **common}
        self._groups = Groups(lr, common.get("weight_decay", 0.0), common.get("groups", {}))
        self._clipping = Clipping(common.get("clip_norm"), common.get("clip_value"))
        self._lr = Cell(float(lr), "float64", name="/lr")
        self._steps = Cell(0, "int64", name="/steps")
        self._shards = Shards()
        self._owners: dict[str, int] = {}  # path -> the id of the parameter that the state there is of
        self.state: dict[str, dict[str, Cell]] = {_SHARED: {"lr": self._lr, "steps": self._steps}}

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self) and not name.startswith("_"):
            raise MutationError(
                f"{name} of {type(self).__name__} is built into compiled steps, where a new value would "
                "not be seen",
                fix="set lr, or make a new optimizer",
            )
        object.__setattr__(self, name, value)

    @property
    def lr(self) -> float:
        """The learning rate; groups with one of their own keep its ratio to this one."""
        return float(self._lr.item())

    @lr.setter
    def lr(self, value: float) -> None:
        check_numbers(lr=value)
        if not 0 <= value < np.inf:
            raise ArgumentError(f"a learning rate of {value} does not descend", fix="give lr ≥ 0")
        self._lr.assign(float(value))

    @property
    def options(self) -> dict[str, Any]:
        """What it was made with, ``lr`` as it was then."""
        own = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "state"}
        return {"kind": type(self).__name__, **self._made_with, **own}

    @property
    def step_number(self) -> Tensor:
        """The number of the step that is being worked out, from 1: int64, a value of the graph."""
        return self._steps + 1

    def count(self, state: State) -> Tensor:
        """The number of the step, from 1 at the first update of the parameter whose state is given."""
        return self.step_number - state[_LATE] if _LATE in state else self.step_number

    def initial(self, parameter: Tensor) -> State:
        """The state of a parameter before its first update; may depend on its shape and dtype alone."""
        return {}

    @abstractmethod
    def update(self, parameter: Tensor, gradient: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        """The parameter's new value and state, written in graph operations; changes nothing.

        ``lr`` is a scalar of the parameter's dtype. What the state holds besides :meth:`initial` is for
        :meth:`count`.
        """

    def step(
        self, module: Module, gradients: Backward | Mapping[str, Tensor], *, when: Tensor | None = None
    ) -> None:
        """Give every parameter of the module that has a gradient, and is not frozen, its new value.

        Args:
            gradients: what ``backward()`` returned, or parameter path -> gradient.
            when: a boolean without axes; where it is false, parameters and state stay as they are.

        Raises:
            ArgumentError: no gradients of this module's parameters, or a group that none of them fits.
            ShapeError: a gradient of another shape than its parameter.
            StateError: loaded state of another optimizer or model.
        """
        check_kind("module", module, Module, "give the model whose parameters are to change")
        parameters = dict(module.named_parameters())
        with context.no_grad(), context.role("update"):
            given = gradients_of(module, gradients)
            groups = self._groups.of(parameters)
            found = {name: g for name, g in given.items() if not parameters[name].frozen}
            if self._shards.processes.size > 1:
                self._shards.share_out({n: g.size * parameters[n].dtype.itemsize for n, g in found.items()})
            # Everything is worked out before anything is assigned: an error leaves all as it was.
            new: list[tuple[Cell, Tensor]] = [(self._steps, self.step_number)]
            values: dict[str, Tensor] = {}
            for name, gradient in self._clipping(found).items():
                self._prepare(name, parameters[name])
                if self._shards.mine(name):
                    values[name], state = self._updated(name, parameters[name], gradient, groups[name])
                    new += state
                else:
                    values[name] = _cast(found[name], parameters[name])
            new += [(parameters[name], value) for name, value in self._shards.exchanged(values).items()]
            for cell, value in new:
                cell.assign(value if when is None else ops.where(when, value, cell))

    def _updated(
        self, name: str, parameter: Cell, gradient: Tensor, group: Group
    ) -> tuple[Tensor, list[tuple[Cell, Tensor]]]:
        cells = self.state[name]
        lr = ops.cast(self._lr if group.share == 1 else self._lr * group.share, parameter.dtype)
        before: Tensor = parameter
        if group.weight_decay and self.decoupled:
            before = parameter * (1 - lr * group.weight_decay)
        elif group.weight_decay:
            gradient = gradient + parameter * group.weight_decay
        value, state = self.update(before, gradient, dict(cells), lr)
        new = [(cell, state[kind]) for kind, cell in cells.items() if kind != _LATE]
        return _cast(value, parameter), new

    def _prepare(self, path: str, parameter: Tensor) -> None:
        """See to the parameter's state; it is made at its first update, also where another was updated at its
        path.

        Raises:
            StateError: loaded state that is not of this optimizer's kind, or of another shape.
        """
        owner, held = self._owners.get(path), self._held(path)
        if owner == parameter.id and held is not None:
            return
        wanted = self.initial(parameter)
        if held is None or owner is not None:
            held = self._fresh(path, wanted)
        found = {kind: value.shape for kind, value in held.items() if kind != _LATE}
        shapes = {kind: value.shape for kind, value in wanted.items()}
        if found != shapes:
            raise StateError(
                f"the state of {path} is {found}, {type(self).__name__} needs {shapes}",
                fix="load the state of the same optimizer and model, or make a new optimizer",
            )
        self._owners[path] = parameter.id

    def _held(self, path: str) -> Mapping[str, Cell | TensorSpec] | None:
        """The parameter's state, or what is known of it where another process holds it."""
        return self.state.get(path) if self._shards.mine(path) else self._shards.elsewhere.get(path)

    def _fresh(self, path: str, wanted: State) -> Mapping[str, Cell | TensorSpec]:
        # Before what is being traced, if anything.
        done = self._steps.backend.to_numpy(self._steps.data).item()
        if not self._shards.mine(path):
            specs = {kind: value.spec for kind, value in wanted.items()}
            late = {_LATE: TensorSpec((), "int64")} if done else {}
            self._shards.elsewhere[path] = specs | late
            return self._shards.elsewhere[path]
        cells = {kind: Cell(value, name=f"{path}/{kind}") for kind, value in wanted.items()}
        if done:
            cells[_LATE] = Cell(done, "int64", name=f"{path}/{_LATE}")
        self.state[path] = cells
        return cells

    def shard(self) -> None:
        """Share the state out over the processes of its backend, :mod:`graphdiff.train.sharding`; nothing in
        one process. Every process must call it, with the same state.
        """
        processes = self._steps.backend.processes
        if processes.size == self._shards.processes.size:
            return
        whole = self.state_dict()
        for path in self.state.keys() - {_SHARED}:
            del self.state[path]
        self._shards = Shards(processes)
        self.load_state_dict(whole)

    @property
    def replicated(self) -> list[Cell]:
        """The state that every process holds: all, unless it is sharded."""
        alone = self._shards.processes.size == 1
        return [c for path, cells in self.state.items() if alone or path == _SHARED for c in cells.values()]

    def __getstate__(self) -> dict[str, Any]:
        """A copy goes with a copy of the model, whose parameters are others."""
        if self._shards.processes.size > 1:
            raise StateError(
                f"this {type(self).__name__} holds its process's shard of the state, and the copy would too",
                fix="copy the whole: state_dict(), called by every process, and load_state_dict()",
            )
        return vars(self) | {"_owners": {}}

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """``path/name`` -> a copy of the value, for every parameter's state; ``/lr`` and ``/steps``.

        Where the state is sharded, every process must call it, and is given the whole.
        """
        return self._shards.gathered(self.state, self._steps.backend)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state that :meth:`state_dict` gave, or a part of it.

        Raises:
            StateError: a key that is not ``path/name``, or a value that is no array of numbers.
        """
        check_kind("state", state, Mapping, "load what state_dict() gave")
        for key, value in state.items():
            path, slash, kind = key.rpartition("/") if isinstance(key, str) else ("", "", "")
            if not slash or (path == _SHARED and kind not in self.state[_SHARED]):
                raise StateError(f"{key!r} is no optimizer state", fix="load what state_dict() gave")
            if np.asarray(value).dtype.kind not in "biufV":  # V: bfloat16
                raise StateError(f"{key!r} holds {value!r}, no numbers", fix="load what state_dict() gave")
        self._owners.clear()
        self._shards.share_out(_sizes(state))
        for key, value in state.items():
            path, _, kind = key.rpartition("/")
            held = self.state if self._shards.mine(path) else self._shards.elsewhere
            if f"{path}/{_LATE}" not in state and held.get(path, {}).pop(_LATE, None) is not None:
                count_replacement()
            self._take(path, kind, value)

    def _take(self, path: str, kind: str, value: Any) -> None:
        known = (self._held(path) or {}).get(kind)
        if isinstance(known, Cell) and known.shape == np.shape(value):
            known.assign(value)  # a compiled step holds on to the cell
        elif known is None or known.shape != np.shape(value):
            cell = Cell(value, name=f"{path}/{kind}")
            if self._shards.mine(path):
                self.state.setdefault(path, {})[kind] = cell
            else:
                self._shards.elsewhere.setdefault(path, {})[kind] = cell.spec
            count_replacement()


def _cast(value: Tensor, parameter: Tensor) -> Tensor:
    return value if value.dtype == parameter.dtype else ops.cast(value, parameter.dtype)


def _sizes(state: Mapping[str, Any]) -> dict[str, int]:
    """Path -> bytes of the largest value there, which is of the parameter's size."""
    found: dict[str, int] = {}
    for key, value in state.items():
        path = key.rpartition("/")[0]
        if path != _SHARED:
            found[path] = max(found.get(path, 0), np.asarray(value).nbytes)
    return found
