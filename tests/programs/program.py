"""A random program: what it computes by graphdiff and by the references, and how the two are compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from programs.operations import OPERATIONS

import graphdiff as gd
from graphdiff.graph import Graph

LARGEST, MOST_ELEMENTS, CLEAR = 30.0, 36, 1e-6  # of values; and how far from a kink they are
WAYS: dict[str, Callable[..., Any]] = {
    "plain": lambda f: f,
    "compiled": gd.compile,
    "checkpoint": gd.checkpoint,
}
"""How graphdiff runs a step: as it is, as a compiled function of its own, or computed anew backward."""


class Step(NamedTuple):
    """An operation on earlier values, which are told by their numbers."""

    name: str
    operands: tuple[int, ...]
    params: dict[str, Any]
    way: str = "plain"


class Results(NamedTuple):
    """A scalar to differentiate, what has no derivative, and what the cells are to hold next."""

    total: Any
    others: list[Any]
    state: list[Any]


class Library(NamedTuple):
    """What a program needs of a library.

    Attributes:
        name: the field of an operation.
        array: takes a NumPy array.
        sum, sin: of all elements; of each.
        stopped: a value without its derivative.
    """

    name: str
    array: Callable[[Any], Any]
    sum: Callable[[Any], Any]
    sin: Callable[[Any], Any]
    stopped: Callable[[Any], Any]


OURS = Library("ours", gd.tensor, gd.sum, gd.sin, gd.stop_gradient)
NUMPY = Library("numpy", np.asarray, np.sum, np.sin, np.asarray)
TORCH = Library("torch", torch.tensor, torch.sum, torch.sin, lambda t: t.detach())


@dataclass
class Program:
    """Floating inputs, constants (whole numbers and truths), and steps; a value's number is its place in this
    order. A step "cell" reads a cell, which takes half of one of the values at a run's end, for the next.

    Attributes:
        kept: for each cell, the number of the value that it is to hold.
        first: for each cell, what it holds at first.
        values: what NumPy makes of the first run.
    """

    inputs: list[np.ndarray]
    constants: list[np.ndarray]
    steps: list[Step] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    first: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = [*self.inputs, *self.constants]

    def add(self, step: Step) -> bool:
        """Take a step, unless what it gives is large, or near to where a derivative jumps."""
        if not _is_clear(step, self.values):
            return False
        made = np.asarray(self._made(NUMPY, step, self.values, self.first))
        if made.size > MOST_ELEMENTS or made.ndim > 4 or not np.all(np.abs(made.astype(float)) < LARGEST):
            return False
        self.steps.append(step)
        self.values.append(made)
        return True

    def remember(self, number: int) -> None:
        """A cell for this value, and a step that reads it."""
        self.kept.append(number)
        self.first.append(np.full(self.values[number].shape, 0.25))
        self.steps.append(Step("cell", (), {"cell": len(self.first) - 1}))
        self.values.append(self.first[-1])

    def is_clear(self, cells: list[np.ndarray]) -> bool:
        """Whether a run with these cells stays away from where derivatives jump."""
        values = [*self.inputs, *self.constants]
        for step in self.steps:
            if not _is_clear(step, values):
                return False
            values.append(np.asarray(self._made(NUMPY, step, values, cells)))
        return all(np.all(np.abs(v.astype(float)) < LARGEST) for v in values)

    def run(self, library: Library, inputs: Any, cells: Any) -> Results:
        values = [*inputs, *map(library.array, self.constants)]
        for step in self.steps:
            values.append(self._made(library, step, values, cells))
        used = {i for step in self.steps for i in step.operands}
        ends = [i for i in range(len(values)) if i not in used]
        floating = [i for i in ends if self.values[i].dtype.kind == "f"]
        total = sum(library.sum(library.sin(x)) for x in inputs)  # no input is without a derivative
        for i in floating:
            total = total + library.sum(values[i] * library.array(_weights(self.values[i])))
        state = [library.stopped(values[i]) * 0.5 for i in self.kept]
        return Results(total, [values[i] for i in ends if i not in floating], state)

    @staticmethod
    def _made(library: Library, step: Step, values: list[Any], cells: Any) -> Any:
        if step.name == "cell":
            return cells[step.params["cell"]]
        function = getattr(OPERATIONS[step.name], library.name)
        operands = [values[i] for i in step.operands]
        if library is OURS:
            return WAYS[step.way](lambda *xs: function(*xs, **step.params))(*operands)
        return function(*operands, **step.params)


def _is_clear(step: Step, values: list[np.ndarray]) -> bool:
    kink = None if step.name == "cell" else OPERATIONS[step.name].kink
    if kink is None:
        return True
    return bool(np.all(np.asarray(kink(*(values[i] for i in step.operands), **step.params)) > CLEAR))


def _weights(array: np.ndarray) -> np.ndarray:
    return np.cos(np.arange(array.size) + array.ndim).reshape(array.shape)


class Truth(NamedTuple):
    """What a run gives by the references."""

    total: float
    gradients: list[np.ndarray]
    second: list[np.ndarray]
    others: list[np.ndarray]
    state: list[np.ndarray]


def truth(program: Program, cells: list[np.ndarray]) -> Truth:
    """Values by NumPy, which torch must agree with; derivatives of both orders by torch's autograd."""
    plain = program.run(NUMPY, program.inputs, cells)
    leaves = [torch.tensor(x, requires_grad=True) for x in program.inputs]
    total = program.run(TORCH, leaves, [torch.tensor(c) for c in cells]).total
    np.testing.assert_allclose(total.detach(), plain.total, rtol=1e-9, atol=1e-9, err_msg="the references")
    gradients = _derivatives(total, leaves)
    along = sum(
        torch.sum(g * torch.tensor(_weights(x))) for g, x in zip(gradients, program.inputs, strict=True)
    )
    second = _derivatives(along, leaves)
    host = [[g.detach().numpy(force=True) for g in found] for found in (gradients, second)]
    return Truth(float(plain.total), *host, plain.others, plain.state)


def _derivatives(total: Any, leaves: list[Any]) -> list[Any]:
    if not getattr(total, "requires_grad", False):
        return [torch.zeros_like(x) for x in leaves]
    found = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]


def check(program: Program) -> None:
    """Values, gradients, second derivatives and state, in two runs: eager and compiled, on both backends."""
    truths = [truth(program, program.first)]
    if program.kept and program.is_clear(truths[0].state):
        truths.append(truth(program, truths[0].state))
    for backend in ("numpy", "torch"):
        with gd.backend(backend):
            eager, compiled = (_runs(program, way, len(truths)) for way in (lambda f: f, gd.compile))
        for runs in (eager, compiled):
            for found, expected in zip(runs, truths, strict=True):
                _compare(found, expected)
        if backend == "numpy":
            assert _bits(eager) == _bits(compiled), "compiled differs from eager"


def _runs(program: Program, way: Callable[..., Any], count: int) -> list[Truth]:
    cells = [gd.Cell(value) for value in program.first]
    number = tuple(range(len(program.inputs)))

    def step(*inputs: Any) -> Any:
        rest: list[Any] = []

        def total(*inputs: Any) -> Any:
            found = program.run(OURS, inputs, cells)
            rest[:] = found.others, found.state
            return found.total

        def along(*inputs: Any) -> Any:
            gradients = gd.grad(total, number)(*inputs)
            return sum(gd.sum(g * _weights(x)) for g, x in zip(gradients, program.inputs, strict=True))

        second = gd.grad(along, number)(*inputs)
        value, gradients = gd.value_and_grad(total, number)(*inputs)
        for cell, new in zip(cells, rest[1], strict=True):
            cell.assign(new)
        return value, gradients, second, rest[0]

    run, found = way(step), []
    for _ in range(count):
        value, gradients, second, others = run(*map(gd.tensor, program.inputs))
        found.append(
            Truth(
                value.numpy(), *_host(gradients, second, others), [np.array(cell.numpy()) for cell in cells]
            )
        )
    return found


def _host(*lists: Any) -> list[list[np.ndarray]]:
    return [[t.numpy() for t in tensors] for tensors in lists]


def _compare(found: Truth, expected: Truth) -> None:
    np.testing.assert_allclose(found.total, expected.total, rtol=1e-8, atol=1e-8, err_msg="value")
    for name in ("gradients", "second", "others", "state"):
        for ours, theirs in zip(getattr(found, name), getattr(expected, name), strict=True):
            assert ours.shape == theirs.shape
            scale = 1e-9 * (1 + np.abs(theirs).max(initial=0))
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=scale, err_msg=name)


def _bits(runs: list[Truth]) -> list[bytes]:
    return [
        np.asarray(array).tobytes()
        for run in runs
        for part in run
        for array in (part if isinstance(part, list) else [part])
    ]


def graph_of(program: Program) -> Graph:
    """The graph of the value and its gradients."""
    cells = [gd.Cell(value, name=f"cell{k}") for k, value in enumerate(program.first)]
    both = gd.value_and_grad(
        lambda *xs: program.run(OURS, xs, cells).total, tuple(range(len(program.inputs)))
    )
    return gd.make_graph(both, *map(gd.tensor, program.inputs))
