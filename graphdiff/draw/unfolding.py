"""Composites taken apart: the operations inside, with the values and gradients that flow through them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from graphdiff import context
from graphdiff.autodiff.record import Backward
from graphdiff.autodiff.reverse import backward
from graphdiff.autodiff.walk import ancestors, node_of
from graphdiff.draw.subject import Item, Subject
from graphdiff.errors import GradientError
from graphdiff.leaf import abstract, leaf
from graphdiff.primitive import Composite
from graphdiff.tensor import Tensor


def unfold(subject: Subject, which: bool | Collection[str]) -> Subject:
    """The subject with composites replaced by what they are made of, and those inside them too.

    Args:
        which: the names of the composites, or ``True`` for all.
    """
    return _Unfolding(subject, which).run() if which else subject


class _Unfolding:
    def __init__(self, subject: Subject, names: bool | Collection[str]) -> None:
        self.subject = subject
        self.names = names
        self.items: list[Item] = []
        self.clusters: dict[int, Item] = {}

    def run(self) -> Subject:
        place: list[int] = []
        labels: dict[int, str] = {}
        for i, item in enumerate(self.subject.items):
            place.append(self._add(replace(item, inputs=tuple(place[k] for k in item.inputs))))
            if i in self.subject.labels:
                labels[place[i]] = self.subject.labels[i]
        for i, item in enumerate(self.items):
            if item.inside and item.node.primitive is None:
                labels[i] = item.node.name
        return replace(
            self.subject,
            items=self.items,
            outputs=[(place[i], label) for i, label in self.subject.outputs],
            labels=labels,
            clusters=self.clusters,
        )

    def _add(self, item: Item) -> int:
        """Add an item, or what it is made of, and return the number of the node that has its value."""
        primitive = item.node.primitive
        if not isinstance(primitive, Composite) or not self._is_meant(primitive.name):
            self.items.append(item)
            return len(self.items) - 1
        number = len(self.clusters) + 1
        self.clusters[number] = item
        return self._add_inside(item, primitive, (*item.inside, number))

    def _is_meant(self, name: str) -> bool:
        return self.names if isinstance(self.names, bool) else name in self.names

    def _add_inside(self, item: Item, primitive: Composite, inside: tuple[int, ...]) -> int:
        operands = self._operands(item)
        with context.recording():
            result = primitive.decompose(*operands, **item.node.params)
        record = _record(item, result)
        place = {t.id: i for t, i in zip(operands, item.inputs, strict=True)}
        for t in ancestors(result):
            if t.id not in place:
                name = item.node.name if t is result else ""
                node = replace(node_of(t), name=name, scope=item.node.scope, source=item.node.source)
                inputs = tuple(place[x.id] for x in t.inputs)
                place[t.id] = self._add(Item(node, inputs, t, record, item.backward, inside))
        return place[result.id]

    def _operands(self, item: Item) -> Sequence[Tensor]:
        if item.tensor is None or item.tensor.data is None:
            return [abstract(self.items[i].node.spec) for i in item.inputs]
        return [leaf(t, role="input", recorded=True, backend=t.backend) for t in item.tensor.inputs]


def _record(item: Item, result: Tensor) -> Backward | None:
    """The backward pass inside, from the gradient that arrived at the composite."""
    if item.gradient is None or item.record is None or item.tensor is None:
        return None
    try:
        with context.recording():
            return backward(result, item.record[item.tensor].data)
    except GradientError:
        return None
