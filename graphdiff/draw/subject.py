"""What is drawn: the nodes of a graph with what is known of their values and gradients.

A tensor, the record of a backward pass and a bare graph all become a :class:`Subject`, so that what comes
after need not tell them apart. Nodes are numbered by their place in topological order, and nothing in a
picture depends on anything else, so that the same graph gives the same text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from graphdiff.autodiff import Backward
from graphdiff.autodiff.walk import ancestors, graph_of, node_of
from graphdiff.draw import words
from graphdiff.errors import ArgumentError, GradientError
from graphdiff.graph import Graph, Node
from graphdiff.tensor import Tensor

Show = Literal["forward", "backward", "both"]
Array = np.ndarray[Any, Any]
UNNAMED = "f"


@dataclass(frozen=True, eq=False)
class Item:
    """One node to draw.

    Attributes:
        node: its structure.
        inputs: the numbers of its operands.
        tensor: the tensor itself, where there is one.
        record: the backward pass that gradients are shown of.
        backward: it belongs to the backward pass.
        inside: the unfolded composites around it, the outermost first, by the number of their cluster.
    """

    node: Node
    inputs: tuple[int, ...]
    tensor: Tensor | None = None
    record: Backward | None = None
    backward: bool = False
    inside: tuple[int, ...] = ()

    @cached_property
    def value(self) -> Array | None:
        return values_of(self.tensor)

    @cached_property
    def gradient(self) -> Array | None:
        """The gradient that arrived here, or ``None`` where none is known."""
        if self.record is None or self.tensor is None or self.tensor not in self.record:
            return None
        return values_of(self.record[self.tensor])

    def passed(self, argnum: int) -> Array | None:
        """What the edge from an operand passed back to it, in the operand's shape."""
        if self.record is None or self.tensor is None:
            return None
        try:
            return values_of(self.record.passed(self.tensor, argnum))
        except (GradientError, ArgumentError):
            return None

    def local(self, argnum: int) -> str:
        """The local gradient of an edge as text: numbers where they are few, else the formula, else ""."""
        assert self.node.primitive is not None
        formula = self.node.primitive.formula
        if self.record is not None and self.tensor is not None and self.tensor.data is not None:
            if self.tensor.size * self.tensor.inputs[argnum].size <= words.MOST_LISTED:
                try:
                    found = values_of(self.record.local(self.tensor, argnum))
                except (GradientError, ArgumentError):
                    return ""
                return "" if found is None else words.array(found)
        return formula[min(argnum, len(formula) - 1)] if formula else ""


@dataclass(frozen=True, eq=False)
class Subject:
    """The nodes to draw, operands before users.

    Attributes:
        items: the nodes.
        outputs: the number of each result, and its label.
        labels: what leaves are called.
        show: which pass is drawn.
        record: the backward pass, where there is one.
        of: the label of what was differentiated.
        clusters: unfolded composites: the number of a cluster, and what was unfolded.
    """

    items: Sequence[Item]
    outputs: Sequence[tuple[int, str]]
    labels: Mapping[int, str]
    show: Show = "forward"
    record: Backward | None = None
    of: str = UNNAMED
    clusters: Mapping[int, Item] | None = None

    @cached_property
    def users(self) -> Sequence[Sequence[tuple[int, int]]]:
        """For every node, who uses it: the user's number and the argument's."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.items]
        for i, item in enumerate(self.items):
            for argnum, operand in enumerate(item.inputs):
                found[operand].append((i, argnum))
        return found

    @property
    def operations(self) -> int:
        return sum(item.node.primitive is not None for item in self.items)


def values_of(t: Tensor | None) -> Array | None:
    return None if t is None or t.data is None else t.numpy()


def subject_of(target: Tensor | Backward | Graph, gradients: Backward | None, show: Show) -> Subject:
    """What to draw of a target.

    Raises:
        ArgumentError: nothing that can be drawn, gradients of another graph, or a backward pass asked for
            where none is given.
    """
    if isinstance(target, Backward):
        if gradients is not None and gradients is not target:
            raise ArgumentError("two records of a backward pass", fix="give one: draw(back)")
        gradients, target = target, target.output
    if show not in ("forward", "backward", "both"):
        raise ArgumentError(f"show={show!r} is unknown", fix="use 'forward', 'backward' or 'both'")
    if show != "forward":
        if gradients is None:
            raise ArgumentError(
                "there is no backward pass to show", fix="back = f.backward(), then draw(back, show=...)"
            )
        return _of_backward(gradients, show)
    if isinstance(target, Graph):
        return _of_graph(target, gradients)
    if not isinstance(target, Tensor):
        raise ArgumentError(
            f"a {type(target).__name__} cannot be drawn",
            fix="give a tensor, the record that backward() returns, or a graph",
        )
    return _of_tensor(target, gradients)


def _of_tensor(target: Tensor, record: Backward | None) -> Subject:
    if record is not None:
        record.tensor(target)  # raises where the record is of another graph
    tensors = ancestors(target)
    return _of_nodes(graph_of([target], tensors), {t.id: t for t in tensors}, record)


def _of_graph(graph: Graph, record: Backward | None) -> Subject:
    if record is None:
        return _of_nodes(graph, graph.constants, None)
    return _of_nodes(graph, {node.id: record.tensor(node.id) for node in graph}, record)


def _of_backward(record: Backward, show: Show) -> Subject:
    forward = {node.id for node in record.forward_graph}
    graph = record.graph
    of = _name(graph[record.output.id])
    names: dict[int, list[str]] = {}
    for t in record.wanted:
        names.setdefault(record[t].id, []).append(_derivative(of, _name(node_of(t))))
    outputs = [(i, " = ".join(all_names)) for i, all_names in names.items()]
    if show == "both":
        outputs.insert(0, (record.output.id, of))
        graph = _name_lent(graph, forward, record.output.id)
    else:
        graph = _cut(graph, forward, record.output.id)
    seed = record[record.output].id
    subject = _of_nodes(graph, record.tensors, None, outputs=outputs, forward=forward)
    labels = {
        i: _derivative(of, of) if subject.items[i].node.id == seed else name for i, name in subject.labels.items()
    }
    return replace(subject, labels=labels, show=show, record=record, of=of)


def _of_nodes(
    graph: Graph,
    tensors: Mapping[int, Tensor],
    record: Backward | None,
    outputs: Iterable[tuple[int, str]] | None = None,
    forward: set[int] | None = None,
) -> Subject:
    place = {node.id: i for i, node in enumerate(graph)}
    items = [
        Item(
            node,
            tuple(place[i] for i in node.inputs),
            tensors.get(node.id),
            record,
            node.role == "backward" if forward is None else node.id not in forward,
        )
        for node in graph
    ]
    if outputs is None:
        outputs = _named_outputs(graph)
    return Subject(
        items,
        [(place[i], label) for i, label in outputs],
        _leaf_labels(items),
        record=record,
        of=UNNAMED if record is None else words.clean(record.output.name) or UNNAMED,
    )


def _named_outputs(graph: Graph) -> list[tuple[int, str]]:
    ids = list(dict.fromkeys(graph.outputs))
    unnamed = [i for i in ids if not words.clean(graph[i].name)]
    fallback = {i: UNNAMED if len(unnamed) == 1 else f"{UNNAMED}{n}" for n, i in enumerate(unnamed, 1)}
    return [(i, fallback.get(i) or graph[i].name) for i in ids]


def _name_lent(graph: Graph, forward: set[int], output: int) -> Graph:
    """The graph with names v1, v2, … for the nameless forward values that the backward pass uses."""
    lent = {i for node in graph if node.id not in forward for i in node.inputs} & forward
    taken = {node.name for node in graph}
    free = (name for n in itertools.count(1) if (name := f"v{n}") not in taken)
    nodes = [
        replace(node, name=next(free))
        if node.id in lent and node.primitive and not node.name and node.id != output
        else node
        for node in graph
    ]
    return Graph(nodes, graph.outputs, graph.constants)


def _cut(graph: Graph, forward: set[int], output: int) -> Graph:
    """The backward pass alone; the forward values it uses become leaves."""
    used = {i for node in graph if node.id not in forward for i in node.inputs}
    results = tuple(i for i in graph.outputs if i not in forward)
    nodes = []
    for node in graph:
        if node.id not in forward:
            nodes.append(node)
        elif node.id in used:
            name = _name(node) if node.id == output else _expression(graph, node)
            nodes.append(replace(node, primitive=None, inputs=(), name=name))
    return Graph(nodes, results, graph.constants)


def _expression(graph: Graph, node: Node) -> str:
    """A forward value's name, or how it was computed, where that is short."""
    if node.name or node.primitive is None:
        return node.name
    operands = [graph[i].name for i in node.inputs]
    symbol = node.primitive.symbol
    if len(operands) == 2 and len(symbol) == 1 and all(operands):
        return f"{operands[0]}{symbol}{operands[1]}"
    return f"{symbol}({operands[0] or '…'})" if len(operands) == 1 else f"{symbol}(…)"


def _leaf_labels(items: Sequence[Item]) -> dict[int, str]:
    """Names for the leaves; one without a name is called after its role, and numbered where it is not alone."""
    leaves = [i for i, item in enumerate(items) if item.node.primitive is None]
    labels = {i: words.clean(items[i].node.name) for i in leaves}
    roles: dict[str, list[int]] = {}
    for i in leaves:
        if not labels[i]:
            roles.setdefault(items[i].node.role, []).append(i)
    for role, unnamed in roles.items():
        for n, i in enumerate(unnamed, 1):
            labels[i] = role if len(unnamed) == 1 else f"{role}{n}"
    return labels


def _derivative(of: str, by: str) -> str:
    return f"∂{words.subscripted(words.short(of))}/∂{words.subscripted(words.short(by))}"


def _name(node: Node) -> str:
    return words.clean(node.name) or (UNNAMED if node.primitive is not None else node.role)

