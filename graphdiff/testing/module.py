"""Layers and models on one sample: how the checks run them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from graphdiff.autodiff import Backward
from graphdiff.cell import Cell
from graphdiff.dtypes import as_dtype
from graphdiff.errors import ArgumentError
from graphdiff.leaf import as_tensor, tensor, variable
from graphdiff.module import Module, Parameter
from graphdiff.ops import sin
from graphdiff.ops import sum as total
from graphdiff.pytree import flatten
from graphdiff.tensor import Tensor
from graphdiff.testing.source import Source

Array = np.ndarray[Any, Any]
Samples = Callable[[Source], tuple[Any, Any]]
_LINES, _CHARACTERS = 6, 200  # of a module and of an array in a report
Point = Mapping[str, Array]
Way = tuple[bool, str]  # in training or not, and the precision
Slopes = Callable[[tuple[int, ...], float], Array]  # of the elements of the k-th output


def in_dtype(module: Module, dtype: str) -> Module:
    """The module with all its floating cells in another precision; the very same object."""
    for _, part in module.named_modules():
        for name, value in list(vars(part).items()):
            object.__setattr__(part, name, _converted(value, dtype))
    return module


def _converted(value: Any, dtype: str) -> Any:
    if isinstance(value, Parameter) and value.dtype.is_floating:
        made = Parameter(value.numpy(), dtype, name=value.name)
        made.frozen = value.frozen
        return made
    if isinstance(value, Cell) and value.dtype.is_floating:
        return Cell(value.numpy(), dtype, name=value.name, role=value.role)
    if isinstance(value, list):
        return [_converted(item, dtype) for item in value]
    if type(value) is tuple:
        return tuple(_converted(item, dtype) for item in value)
    if isinstance(value, dict):
        return {key: _converted(item, dtype) for key, item in value.items()}
    return value


@dataclass(frozen=True, eq=False)
class Run:
    """What a module gave on some inputs.

    Attributes:
        module: with the state it was left in.
        leaves: the inputs and parameters that gradients are taken by, by name.
        outputs: every tensor it returned.
        loss: a number made of the outputs, every element of which has a weight of its own.
    """

    module: Module
    leaves: Mapping[str, Tensor]
    outputs: Sequence[Tensor]
    loss: Tensor

    @property
    def smooth(self) -> bool:
        """Whether there is something to differentiate, and something to do it by."""
        return bool(self.leaves) and any(t.dtype.is_floating for t in self.outputs)

    def backward(self) -> Backward | None:
        """Of the loss; ``None`` where it is not :attr:`smooth`."""
        return self.loss.backward(wrt=list(self.leaves.values())) if self.smooth else None

    @cached_property
    def gradients(self) -> dict[str, Array]:
        back = self.backward()
        return {} if back is None else {name: np.array(back[t]) for name, t in self.leaves.items()}


@dataclass(frozen=True, eq=False)
class ModuleCase:
    """A module on one sample of inputs, in float64 and in training unless asked for otherwise.

    Attributes:
        module: as it was made; no check changes it.
        inputs: NumPy arrays.
        ways: how it is compiled.
    """

    module: Module
    inputs: tuple[Array, ...]
    ways: tuple[Way, ...] = ((True, "float64"), (True, "float32"), (False, "float64"))

    @classmethod
    def draw(cls, samples: Samples, source: Source) -> Self:
        """A sample of ``samples(source) -> (module, inputs)``; one input may stand for itself.

        Raises:
            ArgumentError: something else came of it.
        """
        drawn = samples(source)
        if not (isinstance(drawn, tuple) and len(drawn) == 2 and isinstance(drawn[0], Module)):
            raise ArgumentError(
                f"samples gave {drawn!r}, not a module and its inputs",
                fix="return (MyLayer(3), [source.array((2, 3))])",
            )
        module, inputs = drawn
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        return cls(module, tuple(in_precision(np.asarray(x)) for x in given))

    def fresh(self, dtype: str | None = "float64", training: bool = True) -> Module:
        """A copy on the current backend; with ``dtype=None`` in the precision that it was made in."""
        made = copy.deepcopy(self.module)
        return (in_dtype(made, dtype) if dtype else made).train(training)

    def inputs_in(self, dtype: str) -> list[Array]:
        return [in_precision(x, dtype) for x in self.inputs]

    def run(self, module: Module | None = None, inputs: Sequence[Any] | None = None) -> Run:
        """Call a module (a fresh copy by default) on inputs (the sample's by default)."""
        module = self.fresh() if module is None else module
        given = [recorded(x) for x in (self.inputs if inputs is None else inputs)]
        outputs = [t for t in flatten(module(*given))[0] if isinstance(t, Tensor)]
        leaves: dict[str, Tensor] = {f"input {k}": x for k, x in enumerate(given) if x.dtype.is_floating}
        leaves |= {name: p for name, p in module.named_parameters() if not p.frozen}
        return Run(module, leaves, outputs, weighted(outputs))

    def at(self, point: Point) -> Run:
        """A run with other values for some of the inputs and parameters."""
        module = self.fresh()
        parameters = dict(module.named_parameters())
        inputs = [point.get(f"input {k}", x) for k, x in enumerate(self.inputs)]
        for name, value in point.items():
            if name in parameters:
                parameters[name].assign(value)
        return self.run(module, inputs)

    def backward(self) -> Backward | None:
        """For a picture."""
        return self.run().backward()

    @cached_property
    def point(self) -> dict[str, Array]:
        """The values of all that gradients are taken by."""
        return {name: np.array(t) for name, t in self.run().leaves.items()}

    def __str__(self) -> str:
        inputs = ", ".join(f"{x.dtype}{list(x.shape)}" for x in self.inputs)
        values = "\n".join(f"input {k}: {_compact(x)}" for k, x in enumerate(self.inputs))
        text = repr(self.module)
        name = text if text.count("\n") < _LINES else f"{type(self.module).__name__}(…)"
        return f"{name} on {inputs}\n{values}"


def recorded(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    array = np.asarray(value)
    return variable(value) if as_dtype(array.dtype).is_floating else tensor(value)


def in_precision(x: Array, dtype: str = "float64") -> Array:
    return x.astype(dtype) if as_dtype(x.dtype).is_floating else x


def _compact(x: Array) -> str:
    text = " ".join(np.array2string(x, precision=4, threshold=16, edgeitems=1).split())
    return text if len(text) <= _CHARACTERS else text[:_CHARACTERS] + " …"


def weights(shape: tuple[int, ...], start: float = 0.0) -> Array:
    """Slopes of which no two are equal."""
    return np.cos(np.arange(start, start + np.prod(shape, dtype=int))).reshape(shape)


def projected(outputs: Sequence[Tensor], slopes: Slopes) -> Tensor:
    """The sum of the products of all floating elements with their slopes."""
    parts = [
        total(t * as_tensor(slopes(t.shape, k).astype(str(t.dtype))))
        for k, t in enumerate(outputs)
        if t.dtype.is_floating
    ]
    whole = parts[0] if parts else as_tensor(0.0)
    for part in parts[1:]:
        whole = whole + part
    return whole


def weighted(outputs: Sequence[Tensor], start: float = 0.0) -> Tensor:
    """The same with :func:`weights`."""
    return projected(outputs, lambda shape, k: weights(shape, start + k))


def curved(outputs: Sequence[Tensor]) -> Tensor:
    """The same of the sines: a layer that is linear has a second derivative then."""
    return weighted([sin(t) for t in outputs if t.dtype.is_floating])
