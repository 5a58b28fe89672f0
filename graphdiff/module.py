"""Modules: layers and models, as Python objects that hold parameters.

A module's parameters and child modules are its plain attributes (also in lists, tuples and dicts).
Each call records its operations below the module's name, which is what pictures group by, and each
parameter is named by its path (``features.0.weight``), which is what a state dict uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from graphdiff.arguments import check_flags, check_kind
from graphdiff.cell import Cell
from graphdiff.context import current, scope
from graphdiff.errors import ArgumentError, GraphdiffError, MutationError, ShapeError, StateError
from graphdiff.tensor import Tensor

if TYPE_CHECKING:
    from graphdiff.draw.labels import Label

_replaced = 0


def replacements() -> int:
    """How often a cell or a module took the place of another so far, anywhere: what was compiled
    before that may hold on to the old one."""
    return _replaced


def count_replacement() -> None:
    """Say that one did."""
    global _replaced
    _replaced += 1


class Parameter(Cell):
    """A cell that training changes and gradients are taken by.

    Args:
        value: its first value; copied.
        dtype: float32 by default.
    """

    __slots__ = ()

    def __init__(self, value: Any, dtype: Any = "float32", *, name: str = "") -> None:
        super().__init__(value, dtype, name=name, role="parameter")

    @property
    def frozen(self) -> bool:
        """Whether training leaves it as it is: then no gradient is taken by it unless asked for by name."""
        return not self.recorded

    @frozen.setter
    def frozen(self, value: bool) -> None:
        self.recorded = not value


class Module:
    """Base of layers and models. Subclasses set parameters and modules as attributes in ``__init__`` and
    define ``forward``::

        class TwoLayer(gd.Module):
            def __init__(self, inputs, hidden, classes):
                self.fc1 = gd.layers.Linear(inputs, hidden)
                self.fc2 = gd.layers.Linear(hidden, classes)

            def forward(self, x):
                return self.fc2(gd.relu(self.fc1(x)))
    """

    _training = True
    optional_state = False
    """Whether a state dict may lack the module's cells, which then stay as they are."""
    _name = ""  # as its parent calls it
    _path = ""  # from the root

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; to be defined by the subclass."""
        raise ArgumentError(
            f"{type(self).__name__} defines no forward()", fix="write forward(self, x) in the class"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if not self._name:
                return self.forward(*args, **kwargs)
            with scope(self._name, None if type(self).draw_label is Module.draw_label else self):
                return self.forward(*args, **kwargs)
        except Exception as error:
            kind = type(self).__name__
            layer = f"{self._path} ({kind})" if self._path else kind
            if isinstance(error, GraphdiffError):
                error.locate(layer=layer)
            elif not hasattr(error, "__notes__"):  # the innermost layer says so, which knows most
                error.add_note(f"in the layer {layer}")
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        if isinstance(held, Cell) and isinstance(value, Tensor) and not isinstance(value, Cell):
            raise MutationError(
                f"{held.name or name} is a {type(held).__name__}; setting it to a tensor would unregister it",
                fix=f"{name}.assign(value)",
            )
        if isinstance(held, (Cell, Module)) and value is not held and not name.startswith("_"):
            count_replacement()
        object.__setattr__(self, name, value)
        if not name.startswith("_"):
            try:
                _attach(value, f"{self._path}.{name}" if self._path else name, name)
            except RecursionError:
                object.__delattr__(self, name)
                raise ArgumentError(
                    f"{name} holds itself, or is nested too deeply", fix="nest it less deeply"
                ) from None

    def train(self, mode: bool = True) -> Self:
        """Switch the module and all below it to training (batch statistics, dropout) or, with ``False``,
        to evaluation. What has parameters, all of them frozen, stays in evaluation: the running statistics
        of a frozen norm are not to change either."""
        check_flags(mode=mode)
        for _, module in self.named_modules():
            own = [m for _, m in module.members() if isinstance(m, Parameter)]
            module._training = mode and not (own and all(p.frozen for p in own))
        return self

    @property
    def training(self) -> bool:
        """Whether the module is in training mode; a compiled function is traced again when it changes."""
        trace = current().trace
        if trace is not None:
            trace.notice(self, self._training)
        return self._training

    def eval(self) -> Self:
        """Switch the module and all below it to evaluation."""
        return self.train(False)

    def members(self) -> Iterator[tuple[str, Cell | Module]]:
        """Own parameters, other cells and child modules, in the order they were set."""
        for name, value in vars(self).items():
            if not name.startswith("_"):
                yield from _found(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """The module itself and all below it, by path."""
        yield prefix, self
        for name, member in self.members():
            if isinstance(member, Module):
                yield from member.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_cells(self) -> Iterator[tuple[str, Cell]]:
        """Every parameter and every other cell (running statistics) once, by path from this module."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, member in module.members():
                if isinstance(member, Cell) and member.id not in seen:
                    seen.add(member.id)
                    yield (f"{path}.{name}" if path else name), member

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, by path from this module."""
        return ((name, cell) for name, cell in self.named_cells() if isinstance(cell, Parameter))

    def parameters(self) -> list[Parameter]:
        """Every parameter once."""
        return [p for _, p in self.named_parameters()]

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(p.size for p in self.parameters())

    def state_dict(self, *, optional: bool = True) -> dict[str, np.ndarray[Any, Any]]:
        """Path -> a copy of the value, for every parameter and every other cell.

        Args:
            optional: with the cells that a state dict may lack (where dropout's random numbers stand), which
                torch's ``load_state_dict`` does not know.
        """
        check_flags(optional=optional)
        left_out = set() if optional else self._optional_names()
        return {name: np.array(cell.numpy()) for name, cell in self.named_cells() if name not in left_out}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Take all values from a state dict; after an error, none of them.

        Args:
            strict: refuse missing and unknown names; otherwise only what fits by name is taken.

        Raises:
            StateError: names that are missing or unknown. ShapeError: values of another shape.
        """
        check_kind("state", state, Mapping, "give what state_dict() or graphdiff.load_state() gave")
        check_flags(strict=strict)
        own = dict(self.named_cells())
        needed = own.keys() - self._optional_names()
        missing, unknown = sorted(needed - state.keys()), sorted(map(str, state.keys() - own.keys()))
        if strict and (missing or unknown):
            raise StateError(
                f"the state dict does not fit {type(self).__name__}: "
                f"missing {', '.join(missing) or 'none'}; unknown {', '.join(unknown) or 'none'}",
                fix="load it into the same architecture, or pass strict=False",
            )
        try:
            values = {n: np.asarray(state[n], dtype=own[n].dtype.host) for n in own if n in state}
        except (ValueError, TypeError) as problem:
            raise StateError(
                f"the state dict holds what is no number: {problem}", fix="give arrays"
            ) from None
        for name, value in values.items():
            if value.shape != own[name].shape:
                raise ShapeError(
                    f"{name} has shape {own[name].shape}, the state dict gives {value.shape}",
                    fix="load it into the same architecture",
                )
        for name, value in values.items():
            own[name].assign(value)

    def _optional_names(self) -> set[str]:
        modules = ((path, m) for path, m in self.named_modules() if m.optional_state)
        return {f"{path}.{name}".lstrip(".") for path, m in modules for name, _ in m.members()}

    def draw_label(self) -> Label | None:
        """What pictures show of the module beside its name: :class:`graphdiff.draw.labels.Label`; for
        subclasses."""
        return None

    def extra_repr(self) -> str:
        """What the repr says of the module beyond its class; for subclasses."""
        return ""

    def __repr__(self) -> str:
        children = [(n, m) for n, m in self.members() if isinstance(m, Module)]
        head = f"{type(self).__name__}({self.extra_repr()}"
        if not children:
            return head + ")"
        lines = [f"  ({n}): " + repr(m).replace("\n", "\n  ") for n, m in children]
        return "\n".join([head, *lines, ")"])


def _attach(value: Any, path: str, name: str) -> None:
    """Tell a value, and all it holds, where it hangs."""
    if isinstance(value, Cell):
        value.name = path
    elif isinstance(value, Module):
        object.__setattr__(value, "_name", name)
        object.__setattr__(value, "_path", path)
        for inner, member in value.members():
            _attach(member, f"{path}.{inner}", inner)
    elif isinstance(value, (list, tuple, dict)):
        for inner, member in _found("", value):
            _attach(member, path + inner, name + inner)


def _found(name: str, value: Any) -> Iterator[tuple[str, Cell | Module]]:
    if isinstance(value, (Cell, Module)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _found(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _found(f"{name}.{key}", item)
