"""Tracing: a function run once on tensors that have shapes and no values, and the graph it leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphdiff import context
from graphdiff.arguments import check_functions
from graphdiff.autodiff.record import Backward
from graphdiff.autodiff.walk import ancestors, graph_of
from graphdiff.backend import current_backend
from graphdiff.cell import Cell
from graphdiff.compile.naming import input_names
from graphdiff.errors import TracingError
from graphdiff.graph import Graph, TensorSpec
from graphdiff.leaf import LEAF, abstract, as_tensor, filled
from graphdiff.module import Module
from graphdiff.pytree import Structure, flatten
from graphdiff.tensor import Tensor, present


class Trace:
    """The cells that a function reads and writes, and what stands for them."""

    def __init__(self) -> None:
        self._present: dict[int, Tensor] = {}
        self.read_cells: list[tuple[Cell, Tensor]] = []
        self.written: dict[int, Cell] = {}
        self.modes: list[tuple[Module, bool]] = []

    def read(self, cell: Tensor) -> Tensor:
        """The cell's present value in this trace: at first a leaf of the graph, then what was written."""
        assert isinstance(cell, Cell)
        if cell.id not in self._present:
            # Frozen parameters are constants, as they are eagerly.
            wanted = cell.recorded or cell.role != "parameter"
            t = filled(Tensor(), None, cell.spec, current_backend(), LEAF[cell.role], wanted, cell.name)
            self._present[cell.id] = t
            self.read_cells.append((cell, t))
        return self._present[cell.id]

    def write(self, cell: Cell, value: Tensor) -> None:
        self._present[cell.id] = value
        self.written[cell.id] = cell

    def notice(self, module: Module, training: bool) -> None:
        self.modes.append((module, training))

    def new_values(self) -> list[tuple[Cell, Tensor]]:
        return [(cell, self._present[i]) for i, cell in self.written.items()]


@dataclass(frozen=True)
class Traced:
    """A function as a graph.

    Attributes:
        graph: its outputs are the function's tensors and then the new values of the written cells.
        inputs: ids of the leaves for the arguments, in order.
        read: the cells whose values the graph takes, with the ids of their leaves.
        written: the cells whose new values the graph gives.
        modes: the modules that were asked for their mode, and the answers the graph rests on.
        frozen: the cells among those read that were not to be differentiated by.
        rebuild: puts the function's tensors in their places.
    """

    graph: Graph
    inputs: tuple[int, ...]
    read: tuple[tuple[Cell, int], ...]
    written: tuple[Cell, ...]
    modes: tuple[tuple[Module, bool], ...]
    frozen: frozenset[Cell]
    rebuild: Callable[[Sequence[Any]], Any]


def trace_call(fn: Callable[..., Any], leaves: Sequence[Any], structure: Structure) -> Traced:
    """Run ``fn(*args, **kwargs)`` on stand-ins for what is data among the leaves of ``(args, kwargs)``. What
    has no name is called as ``fn`` calls it.

    Raises:
        TracingError: the function needs a value, or returns a backward record.
    """
    trace = Trace()
    leaves = [_abstracted(leaf, name) for leaf, name in zip(leaves, input_names(fn, structure), strict=True)]
    with context.tracing(trace):
        args, kwargs = structure(leaves)
        results, shape = flatten(fn(*args, **kwargs))
        if any(isinstance(r, Backward) for r in results):
            raise TracingError(
                "a compiled function cannot hand out a backward record, whose tensors have no values",
                fix="return the gradients themselves: record[x]",
            )
        tensors = [present(r) for r in results if _is_tensor(r)]
        new = trace.new_values()
        outputs = [*tensors, *(value for _, value in new)]
        found = ancestors(*outputs)
        graph = graph_of(outputs, found, len(new))

    def rebuild(values: Sequence[Any]) -> Any:
        supply = iter(values)
        return shape(next(supply) if _is_tensor(r) else r for r in results)

    return Traced(
        graph=graph,
        inputs=tuple(leaf.id for leaf in leaves if is_array(leaf)),
        read=tuple((cell, t.id) for cell, t in trace.read_cells),
        written=tuple(cell for cell, _ in new),
        modes=tuple(trace.modes),
        frozen=frozenset(cell for cell, _ in trace.read_cells if not cell.recorded),
        rebuild=rebuild,
    )


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def make_graph(fn: Callable[..., Any], *examples: Any) -> Graph:
    """The graph of ``fn(*examples)``: shapes and operations, no values.

    Args:
        examples: pytrees of tensors, arrays, specs (:class:`TensorSpec`) and plain Python values; tensors,
            arrays and specs become inputs of the graph, plain values are built in.

    Raises:
        TracingError: the function needs the value of a tensor.
    """
    check_functions(fn=fn)
    leaves, structure = flatten((examples, {}))
    return trace_call(fn, leaves, structure).graph


def _abstracted(value: Any, name: str) -> Any:
    """A tensor of the same spec without a value; plain Python values and modules stay as they are."""
    if isinstance(value, TensorSpec):
        return abstract(value, name)
    if is_array(value):
        t = as_tensor(value)
        return abstract(t.spec, t.name or name)
    return value


def is_array(value: Any) -> bool:
    """Whether a leaf of the arguments is data, and so an input of the graph. Cells are state, not data."""
    if isinstance(value, Tensor):
        return not value.is_cell
    return hasattr(value, "__array__") or hasattr(value, "__dlpack__")
