"""The first bad node: where in a computation NaN or infinity arose.

It is the first node, operands before results, whose value is not finite while its operands are. Leaves come
before everything else: data and parameters that are bad themselves are to blame for all that follows. In the
backward pass it is the first node that is bad while all that came down to it is finite.

Infinities that someone wrote down (the −∞ of a mask, of padding that must not win) do no harm as long as
nothing bad comes of them: they count only where a chain of bad values leads from them to a result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from graphdiff import context, ops
from graphdiff.diagnose import reasons
from graphdiff.diagnose.run import Run, run_of
from graphdiff.diagnose.statistics import Statistics, bad_counts, statistics_of
from graphdiff.graph import Node
from graphdiff.leaf import LEAF, filled
from graphdiff.primitive import Composite
from graphdiff.tensor import Tensor


@dataclass(frozen=True)
class Bad:
    """A node with NaN or infinity in it.

    Attributes:
        node: the node.
        origin: the forward node that it belongs to, for one of the backward pass.
        value: what its elements are like.
        operands: its operands, and what their elements are like.
        element: the place of its first bad element.
        why: how that element came about.
        inside: for a composite, the first bad node among its parts.
        hidden: whether no result is bad because of it.
    """

    node: Node
    origin: Node | None
    value: Statistics
    operands: tuple[tuple[str, Statistics], ...]
    element: tuple[int, ...]
    why: str
    inside: Bad | None = None
    hidden: bool = False

    @property
    def kind(self) -> str:
        return "NaN" if self.value.nan else "infinite"

    @property
    def name(self) -> str:
        """The node, and the one that it came from."""
        role = "" if self.node.primitive is None else " node"
        of = f", of {self.origin.label}" if self.origin is not None else ""
        return f"{self.node.role}{role} {self.node.label}{of}"

    @property
    def facts(self) -> list[str]:
        """What there is to say, a line for each fact."""
        given = [f"{label}: {facts.spec!r} ({facts})" for label, facts in self.operands]
        parts = [
            f"the first bad value is {self.kind}, in the {self.name} of shape {self.node.spec.shape}",
            f"in scope {self.node.scope}" if self.node.scope else "",
            f"at {self.node.source}" if self.node.source else "",
            self.why,
            f"computed from {', '.join(given)}" if given else "",
            "no result shows it" if self.hidden else "",
        ]
        return [part for part in parts if part]

    def __str__(self) -> str:
        return ", ".join(self.facts)


class Search:
    """The bad nodes of a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        known = [node for node in run.graph if node.id in run.values]
        counts = bad_counts([run.values[node.id] for node in known])
        self.bad = {node.id: nan > 0 for node, (nan, inf) in zip(known, counts, strict=True) if nan or inf}

    @cached_property
    def harmful(self) -> set[int]:
        """The bad nodes from which a chain of bad values leads to a result."""
        waiting = [i for i in self.run.graph.outputs if i in self.bad]
        found = set(waiting)
        while waiting:
            new = {i for i in self.run.graph[waiting.pop()].inputs if i in self.bad} - found
            found |= new
            waiting += new
        return found

    @cached_property
    def written(self) -> set[int]:
        """The infinities that someone wrote down, and what else is infinite because of them."""
        found: set[int] = set()
        for node in self.run.graph:
            if self.bad.get(node.id) is not False:
                continue
            written = any(isinstance(p, float) and math.isinf(p) for p in node.params.values())
            if written or node.role == "constant" or any(i in found for i in node.inputs):
                found.add(node.id)
        return found

    def first(self, nodes: Iterable[Node]) -> Bad | None:
        """The first bad one of the nodes."""
        suspects = [node for node in nodes if node.id in self.bad and not _is_literal(node)]
        counted = (n for n in suspects if n.id in self.harmful or n.id not in self.written)
        found = min(counted, key=lambda node: node.primitive is not None, default=None)
        return None if found is None else self._described(found)

    def reaching(self, nodes: Iterable[Node]) -> Bad | None:
        """The first bad one of those that a result is bad because of."""
        return self.first(node for node in nodes if node.id in self.harmful)

    def _described(self, node: Node) -> Bad:
        run = self.run
        value = run.values[node.id]
        inputs = list(dict.fromkeys(i for i in node.inputs if i in run.values))
        facts, *others = statistics_of([value, *(run.values[i] for i in inputs)])
        operands = tuple((run.graph[i].label, s) for i, s in zip(inputs, others, strict=True))
        element = _place(value)
        inside = self._inside(node)
        return Bad(
            node=node,
            origin=run.origin(node),
            value=facts,
            operands=operands,
            element=element,
            why=self._why(node, element, inside),
            inside=inside,
            hidden=node.id not in self.harmful,
        )

    def _why(self, node: Node, element: tuple[int, ...], inside: Bad | None) -> str:
        if node.primitive is None:
            return f"which holds it from the start, first at element {element}"
        spoilt = [self.run.graph[i] for i in node.inputs if i in self.bad]
        if spoilt:
            return f"its operand {', '.join(dict.fromkeys(map(called, spoilt)))} is not finite"
        if inside is not None:
            return f"inside it, in {called(inside.node)}: {inside.why}"
        at = f" at element {element}" if element else ""
        nan = self.bad[node.id]
        if not node.primitive.elementwise:
            return reasons.of_sum(node.primitive.name, node.spec.dtype, nan) + at
        values = [self.run.values[i] for i in node.inputs]
        operands = _elements(values, node, element)
        return reasons.of_element(node.primitive.name, node.spec.dtype, nan, operands) + at

    def _inside(self, node: Node) -> Bad | None:
        """The first bad one of a composite's parts, computed one by one."""
        if not isinstance(node.primitive, Composite) or any(i in self.bad for i in node.inputs):
            return None
        with context.apart():
            operands = [_stand_in(self.run.values[i], self.run.graph[i].label) for i in node.inputs]
            result = node.primitive.decompose(*operands, **node.params)
        run = run_of(result)
        return Search(run).first(run.forward)


def called(node: Node) -> str:
    """The node's name, else what it is, the same in every run."""
    return node.name or (node.primitive.name if node.primitive else node.role)


def _is_literal(node: Node) -> bool:
    """Whether it is a number in an expression, or was computed without being recorded: then the operation
    that takes it is to blame."""
    return node.primitive is None and node.role == "constant" and not node.source and not node.name


def _stand_in(t: Tensor, name: str) -> Tensor:
    return filled(Tensor(), t.data, t.spec, t.backend, LEAF["input"], recorded=True, name=name)


def _place(value: Tensor) -> tuple[int, ...]:
    """Where the first element is that is not finite."""
    with context.apart(), context.no_grad():
        bad = ops.cast(ops.logical_not(ops.isfinite(value)), "int64")
        flat = int(ops.argmax(bad))
    return tuple(map(int, np.unravel_index(flat, value.shape)))


def _elements(operands: Sequence[Tensor], node: Node, element: tuple[int, ...]) -> list[float]:
    """What elements of the operands an element of an elementwise node was computed from."""
    with context.apart(), context.no_grad():
        spread = [ops.broadcast_to(t, node.spec.shape) for t in operands]
        picked = ops.stack([ops.cast(t[element] if element else t, "float64") for t in spread])
        return list(map(float, picked.numpy()))
