"""From what the user gives to what is drawn: a tensor, a backward pass, or a graph."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

from graphdiff.arguments import kind_of, shown
from graphdiff.autodiff import Backward
from graphdiff.autodiff.walk import ancestors, graph_of
from graphdiff.draw import words
from graphdiff.draw.subject import UNNAMED, Show, Subject, of_nodes
from graphdiff.draw.tidying import VIEWS
from graphdiff.draw.update import named_update
from graphdiff.errors import ArgumentError
from graphdiff.graph import Graph, Node
from graphdiff.tensor import Tensor


def subject_of(target: Tensor | Backward | Graph, gradients: Backward | None, show: Show) -> Subject:
    """What to draw of a target.

    Raises:
        ArgumentError: nothing that can be drawn, gradients of another graph, or a backward pass asked for
            where none is given.
    """
    if gradients is not None and not isinstance(gradients, Backward):
        raise ArgumentError(
            f"gradients={words.short(shown(gradients), 40)} is no record of a backward pass",
            fix="pass what backward() returned, draw(f, gradients=f.backward()), or draw that record itself",
        )
    if isinstance(target, Backward):
        if gradients is not None and gradients is not target:
            raise ArgumentError("two records of a backward pass", fix="give one: draw(back)")
        gradients, target = target, target.output
    if show not in get_args(Show):
        raise ArgumentError(
            f"show={shown(show)} is unknown", fix=f"use one of {', '.join(map(repr, get_args(Show)))}"
        )
    if isinstance(target, Graph) and gradients is None:
        kept = target if show == "update" else _without_tracking(target)
        subject = _of_graph(_part(kept, show), None)
        whole, rest = (sum(n.primitive is not None for n in graph) for graph in (target, kept))
        return replace(subject, aside=whole - rest)
    if show not in ("auto", "forward"):
        if show == "update":
            raise ArgumentError("the update is part of a whole step's graph", fix="draw(step.graph)")
        if gradients is None:
            raise ArgumentError(
                "there is no backward pass to show", fix="back = f.backward(), then draw(back, show=...)"
            )
        return _of_backward(gradients, show)
    if isinstance(target, Graph):
        return _of_graph(target, gradients)
    if not isinstance(target, Tensor):
        raise ArgumentError(
            f"{kind_of(target)} cannot be drawn",
            fix="give a tensor, the record that backward() returns, or a graph",
        )
    return _of_tensor(target, gradients)


def _of_tensor(target: Tensor, record: Backward | None) -> Subject:
    if record is not None:
        record.tensor(target)  # raises where the record is of another graph
    tensors = ancestors(target)
    return of_nodes(graph_of([target], tensors), {t.id: t for t in tensors}, record)


def _of_graph(graph: Graph, record: Backward | None) -> Subject:
    if record is None:
        known = {i: t for i, t in graph.constants.items() if graph[i].role == "constant"}
        return of_nodes(graph, known, None, _derivatives(graph))
    return of_nodes(graph, {node.id: record.tensor(node.id) for node in graph}, record)


def _without_tracking(graph: Graph) -> Graph:
    """The graph without forward operations that lead to new values of state alone, such as running
    statistics, and with its results as its only outputs."""
    results = graph.outputs[: len(graph.outputs) - graph.state]
    if not graph.state or not results:
        return graph
    kept = set(results)
    for node in reversed(graph.nodes):
        if node.id in kept or (node.primitive is not None and node.role != "forward"):
            kept |= {node.id, *node.inputs}
    constants = {i: t for i, t in graph.constants.items() if i in kept}
    return Graph([node for node in graph if node.id in kept], results, constants)


def _part(graph: Graph, show: Show) -> Graph:
    """One stage of a graph; what it takes from the others becomes leaves."""
    if show in ("auto", "both"):
        return graph
    own = {node.id for node in graph if node.primitive is not None and node.role == show}
    if not own:
        there = sorted({node.role for node in graph if node.primitive is not None})
        raise ArgumentError(f"this graph has no {show} operations", fix=f"it has {', '.join(there)}")
    used = {i for node in graph if node.id in own for i in node.inputs}
    nodes = [
        node if node.id in own or node.primitive is None else _as_leaf(graph, node)
        for node in graph
        if node.id in own | used
    ]
    outputs = [i for i in graph.outputs if i in own]
    if show == "update":
        nodes = named_update(nodes, outputs)
    ends = outputs or [i for i in own if not own.intersection(user for user, _ in graph.users(i))]
    kept = {node.id for node in nodes}
    return Graph(nodes, tuple(ends), {i: t for i, t in graph.constants.items() if i in kept})


def _as_leaf(graph: Graph, node: Node) -> Node:
    return replace(node, primitive=None, inputs=(), name=_expression(graph, node))


def _derivatives(graph: Graph) -> list[tuple[int, str]] | None:
    """The results of a graph that ends in one value and its gradients by all variables, in their order."""
    if len(graph.outputs) < 2:
        return None
    output, *gradients = (graph[i] for i in graph.outputs)
    variables = {
        i: node
        for i, node in enumerate(graph)
        if node.primitive is None and node.role in ("input", "parameter") and node.spec.dtype.is_floating
    }
    if any(node.role != "backward" for node in gradients):
        return None
    if [node.spec for node in gradients] != [node.spec for node in variables.values()]:
        return None
    of = words.clean(output.name) or UNNAMED
    names = of_nodes(graph, {}, None).names([*variables])
    labels: dict[int, list[str]] = {}
    for node, by in zip(gradients, names.values(), strict=True):
        labels.setdefault(node.id, []).append(_derivative(of, by))
    return [(output.id, of), *((i, " = ".join(found)) for i, found in labels.items())]


def _of_backward(record: Backward, show: Show) -> Subject:
    forward = {node.id for node in record.forward_graph}
    output = record.output.id
    of = words.clean(record.output.name) or UNNAMED
    named = _name_lent if show == "both" else _cut
    results = [(i, " = ".join(labels)) for i, labels in _gradient_labels(record, of).items()]
    if show == "both":
        results.insert(0, (output, of))
    subject = of_nodes(named(record.graph, forward, output), record.tensors, None, results, forward)
    seed = record[record.output].id
    special = {output: of, seed: _derivative(of, of)}
    labels = {i: special.get(subject.items[i].node.id, label) for i, label in subject.labels.items()}
    return replace(subject, labels=labels, show=show, record=record, of=of)


def _gradient_labels(record: Backward, of: str) -> dict[int, list[str]]:
    """What each gradient that was asked for is called; one node may be several of them."""
    graph = record.forward_graph
    subject = of_nodes(graph, {}, None)
    names = {node.id: _expression(graph, node) for node in graph}
    names |= {subject.items[i].node.id: label for i, label in subject.names([*subject.labels]).items()}
    names[record.output.id] = of
    found: dict[int, list[str]] = {}
    for t in record.wanted:
        by = names.get(t.id) or t.label  # the output may not depend on it
        found.setdefault(record[t].id, []).append(_derivative(of, by))
    return found


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


def _cut(graph: Graph, forward: set[int], _: int) -> Graph:
    """The backward pass alone; the forward values it uses become leaves."""
    used = {i for node in graph if node.id not in forward for i in node.inputs}
    used.update(graph.outputs[1:])  # a gradient may be a forward value, if the upstream gradient is one
    nodes = []
    for node in graph:
        if node.id not in forward:
            nodes.append(node)
        elif node.id in used:
            nodes.append(_as_leaf(graph, node))
    return Graph(nodes, graph.outputs[1:], graph.constants)


def _expression(graph: Graph, node: Node) -> str:
    """A forward value's name, or how it was computed, where that is short."""
    if node.name or node.primitive is None:
        return node.name
    operands = [graph[i].name for i in node.inputs]
    if node.primitive.name in VIEWS:
        return _expression(graph, graph[node.inputs[0]])
    symbol = node.primitive.symbol
    if len(operands) == 2 and len(symbol) == 1 and all(operands):
        return f"{operands[0]}{symbol}{operands[1]}"
    return f"{symbol}({operands[0] or '…'})" if len(operands) == 1 else f"{symbol}(…)"


def _derivative(of: str, by: str) -> str:
    return f"{words.differentiated(of)}/∂{words.subscripted(words.short(by))}"
