"""Composites: those that a backend has no kernel for are replaced by their decompositions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphdiff.autodiff.walk import graph_of
from graphdiff.backend import Backend
from graphdiff.compile.program import Program
from graphdiff.graph import Node, TensorSpec
from graphdiff.leaf import abstract
from graphdiff.primitive import Composite
from graphdiff.tensor import Tensor


def inline_composites(program: Program, backend: Backend) -> Program:
    """Unfold, to any depth, every composite without a kernel."""
    nodes: list[Node] = []
    constants = dict(program.constants)
    specs: dict[int, TensorSpec] = {}
    fresh = iter(range(1 + max([n.id for n in program.nodes] + list(program.inputs), default=0), 1 << 62))
    for node in program.nodes:
        for part in _unfolded(node, specs, constants, fresh, backend):
            specs[part.id] = part.spec
            nodes.append(part)
    return replace(program, nodes=tuple(nodes), constants=constants)


def _unfolded(
    node: Node,
    specs: dict[int, TensorSpec],
    constants: dict[int, Tensor],
    fresh: Iterator[int],
    backend: Backend,
) -> Iterator[Node]:
    """The node itself, or the nodes of its decomposition, of which the last has its id."""
    if not isinstance(node.primitive, Composite) or backend.kernel(node.primitive) is not None:
        yield node
        return
    operands = [abstract(specs[i]) for i in node.inputs]
    result = node.primitive.decompose(*operands, **node.params)
    graph = graph_of([result])
    number = {t.id: i for t, i in zip(operands, node.inputs, strict=True)}
    for inner in graph:
        if inner.id in number:
            continue
        number[inner.id] = node.id if inner.id == result.id else next(fresh)
        if inner.id in graph.constants:
            constants[number[inner.id]] = graph.constants[inner.id]
        placed = replace(
            inner,
            id=number[inner.id],
            inputs=tuple(number[i] for i in inner.inputs),
            scope=node.scope,
            role=node.role if inner.primitive else inner.role,
            origin=node.origin,
            source=node.source,
            again=node.again,
        )
        for part in _unfolded(placed, specs, constants, fresh, backend):
            specs[part.id] = part.spec
            yield part
