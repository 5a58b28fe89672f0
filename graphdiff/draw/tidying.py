"""Operations that are no boxes of their own: they show their operand in another way, and become its wire."""

from __future__ import annotations

from dataclasses import replace

from graphdiff.draw.subject import Item, Subject
from graphdiff.graph import Shape

VIEWS = {"transpose", "reshape", "broadcast_to", "cast", "identity"}
"""Operations whose result has the elements of their operand."""


def tidied(subject: Subject, views_of_parameters: bool = False) -> Subject:
    """The subject without reshapes that only add or drop axes of size 1, and without the copies that
    derivative functions make of their arguments; views of a parameter may go too.

    A value that nothing uses but such a reshape is shown in the shape with fewer axes.
    """
    return _Tidying(subject, views_of_parameters).run()


class _Tidying:
    def __init__(self, subject: Subject, views_of_parameters: bool) -> None:
        self.subject = subject
        self.views_of_parameters = views_of_parameters
        self.results = {i for i, _ in subject.outputs}
        self.items: list[Item] = []
        self.place: list[int] = []
        self.shown: set[int] = set()
        """The nodes whose own value is the one at their place."""

    def run(self) -> Subject:
        for i, item in enumerate(self.subject.items):
            if self._is_folded(i, item):
                self._fold(i, item)
            else:
                self.place.append(len(self.items))
                self.shown.add(i)
                computed = item.node.spec, tuple(self.subject.items[k].node.spec for k in item.inputs)
                inputs = tuple(self.place[k] for k in item.inputs)
                self.items.append(replace(item, inputs=inputs, computed=item.computed or computed))
        return replace(
            self.subject,
            items=self.items,
            outputs=[(self.place[i], label) for i, label in self.subject.outputs],
            labels={self.place[i]: label for i, label in self.subject.labels.items()},
            folded=self.subject.folded + len(self.place) - len(self.items),
        )

    def _is_folded(self, i: int, item: Item) -> bool:
        primitive = item.node.primitive
        if primitive is None or len(item.inputs) != 1 or primitive.name not in VIEWS:
            return False
        operand = self.items[self.place[item.inputs[0]]]
        if operand.node.primitive is None and i in self.results:
            return False
        if primitive.name == "identity":
            return item.node.name == operand.node.name
        if self.views_of_parameters and operand.node.role == "parameter" and operand.node.primitive is None:
            return True
        before = self.subject.items[item.inputs[0]].node.spec.shape
        same = _long_axes(before) == _long_axes(item.node.spec.shape)
        return primitive.name == "reshape" and same and (not item.node.name or self._takes_over(item))

    def _takes_over(self, item: Item) -> bool:
        """Whether the operand's value can be shown as this one, because nothing else uses it."""
        (operand,) = item.inputs
        before = self.items[self.place[operand]]
        alone = len(self.subject.users[operand]) == 1 and operand not in self.results
        nameless = operand in self.shown and before.node.primitive is not None and not before.node.name
        return alone and nameless and before.backward == item.backward

    def _fold(self, i: int, item: Item) -> None:
        place = self.place[item.inputs[0]]
        self.place.append(place)
        before = self.items[place]
        shorter = item.node.spec.ndim < before.node.spec.ndim
        if self._takes_over(item) and (shorter or item.node.name):
            node = replace(before.node, name=item.node.name, spec=item.node.spec)
            self.items[place] = replace(before, node=node, view=item.tensor)
            self.shown.add(i)


def _long_axes(shape: Shape) -> list[int]:
    return [n for n in shape if n != 1]
