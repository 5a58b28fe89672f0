"""Programs: what passes work on and backends turn into executables.

A program is a graph's nodes as a plain list, numbered from 0, with the leaves that a call fills in and the
leaves whose value is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from graphdiff.graph import Graph, Node
from graphdiff.tensor import Tensor

# Primitives whose result lies in the memory of their first operand, and those whose result may.
ALIASES = frozenset("reshape transpose broadcast_to slice identity stop_gradient".split())
VIEWS = ALIASES | {"cast", "index"}
Rewrite = Callable[[Node], "Node | int"]


@dataclass(frozen=True)
class Program:
    """Straight-line code.

    Attributes:
        nodes: operands before users.
        inputs: ids of the leaves that every call fills in, in the order of the arguments.
        outputs: ids of the results, in order.
        constants: id -> value of the remaining leaves.
        state: how many of the outputs, the last ones, are new values of cells.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: Mapping[int, Tensor]
    state: int = 0

    @property
    def graph(self) -> Graph:
        """The same as a graph, to draw and to look at."""
        return Graph(self.nodes, self.outputs, self.constants, self.state)

    def rewritten(self, rewrite: Rewrite) -> Program:
        """Every node passed through ``rewrite`` in order, its operands already rewritten.

        ``rewrite`` returns the node, another with the same id, or the id of an earlier node that takes
        its place.
        """
        stand_in: dict[int, int] = {}
        nodes = []
        for node in self.nodes:
            inputs = tuple(stand_in.get(i, i) for i in node.inputs)
            result = rewrite(node if inputs == node.inputs else replace(node, inputs=inputs))
            if isinstance(result, int):
                stand_in[node.id] = result
            else:
                nodes.append(result)
        outputs = tuple(stand_in.get(i, i) for i in self.outputs)
        return replace(self, nodes=tuple(nodes), outputs=outputs)


def program_of(graph: Graph, inputs: tuple[int, ...]) -> Program:
    """A graph whose leaves are the given inputs and constants, numbered from 0.

    An input that nothing uses need not be in the graph; it keeps its place among the arguments.
    """
    nodes = list(graph.nodes)
    number = {node.id: k for k, node in enumerate(nodes)}
    for k, i in enumerate(inputs):
        number.setdefault(i, len(nodes) + k)
    renumbered = tuple(
        replace(
            node,
            id=number[node.id],
            inputs=tuple(number[i] for i in node.inputs),
            origin=None if node.origin is None else number.get(node.origin),
        )
        for node in nodes
    )
    filled = {number[i] for i in inputs}
    known = {number[i]: t for i, t in graph.constants.items() if number[i] not in filled}
    outputs = tuple(number[i] for i in graph.outputs)
    return Program(renumbered, tuple(number[i] for i in inputs), outputs, known, graph.state)
