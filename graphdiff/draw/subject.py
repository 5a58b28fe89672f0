"""What is drawn: the nodes of a graph with what is known of their values and gradients.

A tensor, the record of a backward pass and a bare graph all become a :class:`Subject`, so that what comes
after need not tell them apart. Nodes are numbered by their place in topological order, and nothing in a
picture depends on anything else, so that the same graph gives the same text.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from graphdiff.autodiff import Backward
from graphdiff.draw import words
from graphdiff.errors import ArgumentError, GradientError
from graphdiff.graph import Graph, Node, TensorSpec
from graphdiff.tensor import Tensor

Show = Literal["auto", "forward", "backward", "update", "both"]
Stage = Literal["forward", "backward", "update"]
STAGES: tuple[Stage, ...] = ("forward", "backward", "update")
Array = np.ndarray[Any, Any]
UNNAMED = "f"
_PLACED = {"slice", "take"}


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
        view: the same value in the shape in which it is shown, where that is another.
        computed: the specs of the result and of the operands in the computation, where they may be shown in
            other shapes.
    """

    node: Node
    inputs: tuple[int, ...]
    tensor: Tensor | None = None
    record: Backward | None = None
    backward: bool = False
    inside: tuple[int, ...] = ()
    view: Tensor | None = None
    computed: tuple[TensorSpec, tuple[TensorSpec, ...]] | None = None

    @property
    def stage(self) -> Stage:
        """The part of a training step that it belongs to."""
        if self.backward:
            return "backward"
        return "update" if self.node.role == "update" else "forward"

    @property
    def shown(self) -> Tensor | None:
        return self.tensor if self.view is None else self.view

    @cached_property
    def value(self) -> Array | None:
        return values_of(self.shown)

    @cached_property
    def upstream(self) -> Tensor | None:
        """The gradient that arrived here, where it lies; ``None`` where none is known."""
        if self.record is None or self.shown is None or self.shown not in self.record:
            return None
        return self.record[self.shown]

    @cached_property
    def gradient(self) -> Array | None:
        """The values of the gradient that arrived here, or ``None`` where none is known."""
        return values_of(self.upstream)

    def passed_tensor(self, argnum: int) -> Tensor | None:
        """What the edge from an operand passed back to it, where it lies."""
        if self.record is None or self.tensor is None:
            return None
        try:
            return self.record.passed(self.tensor, argnum)
        except (GradientError, ArgumentError):
            return None

    def passed(self, argnum: int) -> Array | None:
        """The values of what the edge from an operand passed back to it."""
        return values_of(self.passed_tensor(argnum))

    def local(self, argnum: int) -> str:
        """The local gradient of an edge as text: numbers where they are few, else the formula, else ""."""
        primitive, t = self.node.primitive, self.tensor
        if primitive is None or t is None or self.record is None:
            return ""
        entries = t.size if primitive.elementwise else t.size * t.inputs[argnum].size
        try:
            if entries <= words.MOST_LISTED:
                found = values_of(self.record.local(t, argnum))
                return "" if found is None else words.array(found)
            self.record.passed(t, argnum)
        except (GradientError, ArgumentError):
            return ""
        return primitive.formula[min(argnum, len(primitive.formula) - 1)] if primitive.formula else ""


@dataclass(frozen=True, eq=False)
class Subject:
    """The nodes to draw, operands before users.

    Attributes:
        items: the nodes.
        outputs: the number of each result, and its label.
        labels: the names of the leaves, "" for those without one.
        show: which pass is drawn.
        record: the backward pass, where there is one.
        of: the label of what was differentiated.
        clusters: unfolded composites: the number of a cluster, and what was unfolded.
        folded: how many operations are not among the nodes, because they became part of a wire.
        hidden: the roles of leaves that are not shown.
        aside: how many operations are not among the nodes, because they only keep track of state.
    """

    items: Sequence[Item]
    outputs: Sequence[tuple[int, str]]
    labels: Mapping[int, str]
    show: Show = "forward"
    record: Backward | None = None
    of: str = UNNAMED
    clusters: Mapping[int, Item] | None = None
    folded: int = 0
    hidden: frozenset[str] = frozenset()
    aside: int = 0

    @cached_property
    def users(self) -> Sequence[Sequence[tuple[int, int]]]:
        """For every node, who uses it: the user's number and the argument's."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.items]
        for i, item in enumerate(self.items):
            for argnum, operand in enumerate(item.inputs):
                found[operand].append((i, argnum))
        return found

    def passed(self, user: int, argnum: int) -> Array | None:
        """What the edge from an operand passed back to it, in the shape in which the operand is shown."""
        found = self.items[user].passed(argnum)
        operand = self.items[self.items[user].inputs[argnum]]
        return None if found is None else found.reshape(operand.node.spec.shape)

    def names(self, leaves: Sequence[int]) -> dict[int, str]:
        """What to call the leaves that are shown: their names, else their roles, numbered if need be.

        Upstream gradients of several backward passes are numbered too.
        """
        given: dict[str, list[int]] = {}
        for i in leaves:
            role = self.items[i].node.role
            if not self.labels[i] or role == "backward":
                given.setdefault(self.labels[i] or role, []).append(i)
        found = {i: self.labels[i] for i in leaves}
        for name, alike in given.items():
            for n, i in enumerate(alike, 1):
                found[i] = name if len(alike) == 1 else f"{name}{n}"
        return found

    @cached_property
    def depths(self) -> Sequence[int]:
        """For every node how many operations lie on the longest way to it, itself included."""
        found: list[int] = []
        for item in self.items:
            found.append(max([found[k] for k in item.inputs], default=0) + (item.node.primitive is not None))
        return found

    @cached_property
    def kinds(self) -> Sequence[int]:
        """For every node a number that those share which compute the same: an operation with the same
        parameters, but for the place that a part is taken from, on and to the same specs."""
        numbers: dict[Hashable, int] = {}
        return [numbers.setdefault(self._kind(item), len(numbers)) for item in self.items]

    def _kind(self, item: Item) -> Hashable:
        node = item.node
        placed = node.primitive is not None and node.primitive.name in _PLACED
        params = "" if placed or not node.params else repr(node.params)
        return node.primitive, params, node.spec, tuple([self.items[k].node.spec for k in item.inputs])

    @cached_property
    def first_operations(self) -> Sequence[int]:
        """The operations of the earliest stage that there is."""
        found: dict[Stage, list[int]] = {stage: [] for stage in STAGES}
        for i, item in enumerate(self.items):
            if item.node.primitive is not None:
                found[item.stage].append(i)
        return next(filter(None, found.values()), [])

    @property
    def operations(self) -> int:
        return self.folded + sum(item.node.primitive is not None for item in self.items)


def values_of(t: Tensor | None) -> Array | None:
    return None if t is None or t.data is None else t.numpy()


def of_nodes(
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
        {
            i: words.clean(item.node.name).removeprefix("/")
            for i, item in enumerate(items)
            if item.node.primitive is None
        },
        record=record,
        of=UNNAMED if record is None else words.clean(record.output.name) or UNNAMED,
    )


def _named_outputs(graph: Graph) -> list[tuple[int, str]]:
    ids = list(dict.fromkeys(graph.outputs))
    unnamed = [i for i in ids if not words.clean(graph[i].name)]
    fallback = {i: UNNAMED if len(unnamed) == 1 else f"{UNNAMED}{n}" for n, i in enumerate(unnamed, 1)}
    return [(i, fallback.get(i) or graph[i].name) for i in ids]
