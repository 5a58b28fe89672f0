"""Walking a recorded graph: what a tensor was computed from, and the same as a :class:`Graph`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphdiff import source
from graphdiff.graph import Graph, Node
from graphdiff.tensor import Tensor


def ancestors(*outputs: Tensor, since: int = 0) -> list[Tensor]:
    """The outputs and all they were computed from, operands before results.

    A result is younger than its operands, so the order of ids is a topological order. Tensors older than
    the id ``since`` are taken as leaves.
    """
    found = {t.id: t for t in outputs}
    waiting = list(found.values())
    while waiting:
        for operand in waiting.pop().inputs:
            if operand.id not in found:
                found[operand.id] = operand
                if operand.id > since:
                    waiting.append(operand)
    return [found[i] for i in sorted(found)]


def node_of(t: Tensor) -> Node:
    """The structure of one tensor's making."""
    return Node(
        id=t.id,
        primitive=t.primitive,
        inputs=tuple(x.id for x in t.inputs),
        params=t.params,
        spec=t.spec,
        name=t.name,
        scope=t.context.scope,
        role=t.context.role,
        origin=t.context.origin,
        source=source.describe(t.source),
        again=t.context.again,
    )


def graph_of(outputs: Sequence[Tensor], tensors: Iterable[Tensor] | None = None, state: int = 0) -> Graph:
    """The graph that computed the outputs, the last ``state`` of which are new values of cells; ``tensors``
    are their ancestors where they are at hand."""
    found = ancestors(*outputs) if tensors is None else list(tensors)
    known = {t.id: t for t in found if t.primitive is None and t.data is not None}
    return Graph([node_of(t) for t in found], tuple(t.id for t in outputs), known, state)
