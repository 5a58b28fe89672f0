"""Which leaves have boxes of their own, what they are called, and which share one."""

from __future__ import annotations

from collections.abc import Sequence

from graphdiff.draw.folding import Group
from graphdiff.draw.measures import is_parameter
from graphdiff.draw.subject import Subject

MOST_APART = 12
"""Inputs, or results, shown one by one."""

_PLACES = {"index", "index_update", "scatter_add", "take", "gather"}  # whose integers are no labels


class Leaves:
    """The leaves of a subject that are shown.

    Attributes:
        data: what to call the nameless arrays that feed the graph.
        shown: the leaves.
        names: what they are called.
    """

    def __init__(self, subject: Subject, panels: bool) -> None:
        self.subject = subject
        self.items = subject.items
        self.panels = panels
        self.results = {i for i, _ in subject.outputs}
        self.data = self._fed()
        self.shown = [i for i in range(len(self.items)) if self._is_shown(i)]
        self.names = self._names()

    def bundles(self, groups: Sequence[Group]) -> list[tuple[int, ...]]:
        """Leaves that the same box uses first, together: where they are many in all, or feed equal pieces."""
        many = len(self.shown) > MOST_APART
        box = {i: number for number, group in enumerate(groups) for i in group.members}
        found: dict[tuple[int, int], list[int]] = {}
        for i in self.shown:
            first = min((box[user] for user, _ in self.subject.users[i]), default=-1)
            together = many or (first >= 0 and groups[first].instances and not self.items[i].node.name)
            found.setdefault((first, -1 if together else i), []).append(i)
        return [tuple(found[key]) for key in (sorted(found) if many else found)]

    def batch(self) -> int | None:
        """How many examples there are: the first axis of an input with others that is not multiplied away."""
        sizes = (self.items[i].node.spec.shape[0] for i in self.names if self._is_batch(i))
        return next(sizes, None)

    def _is_batch(self, i: int) -> bool:
        node = self.items[i].node
        users = [(self.items[user].node.primitive, argnum) for user, argnum in self.subject.users[i]]
        factor = any(primitive and primitive.name == "matmul" and argnum == 1 for primitive, argnum in users)
        return node.role in ("input", "constant") and node.spec.ndim > 1 and not factor

    def _is_shown(self, i: int) -> bool:
        """Inputs, and constants that look like data: named ones, and arrays that are no module's own."""
        node = self.items[i].node
        if node.primitive is not None or (node.role in self.subject.hidden and i not in self.data):
            return False
        if self.panels and {self.items[user].stage for user, _ in self.subject.users[i]} == {"update"}:
            return False  # what the optimizer keeps
        if node.role == "parameter":
            return i in self.results
        named = bool(node.name) and not self._is_state(i)
        return node.role != "constant" or named or i in self.data

    def _is_state(self, i: int) -> bool:
        """Whether a constant is what a module keeps: named by its path, as running statistics are."""
        scopes = {self.items[user].node.scope for user, _ in self.subject.users[i]}
        return any(scope and self.items[i].node.name.startswith(f"{scope}.") for scope in scopes)

    def _fed(self) -> dict[int, str]:
        """What to call the nameless arrays that feed the graph.

        Those are the arrays that meet parameters alone and, where no module is at work, those that meet
        what was computed from data. An array that a module adds to its data is its own affair.
        """
        found: dict[int, str] = {}
        data: set[int] = set()
        for i, item in enumerate(self.items):
            primitive = item.node.primitive
            if primitive is None:
                if item.node.role != "constant" and not is_parameter(item):
                    data.add(i)
                continue
            meets_data = any(k in data for k in item.inputs)
            own = meets_data and (bool(item.node.scope) or primitive.name in _PLACES)
            if item.stage == "forward" and not own:
                for k in filter(self._is_array, item.inputs):
                    label = meets_data and self.items[k].node.spec.dtype.is_integer
                    found.setdefault(k, "labels" if label else "input")
                    data.add(k)
            if any(k in data for k in item.inputs):
                data.add(i)
        return found

    def _is_array(self, i: int) -> bool:
        node = self.items[i].node
        return node.primitive is None and node.role == "constant" and not node.name and node.spec.size > 1

    def _names(self) -> dict[int, str]:
        names = self.subject.names(self.shown)
        for word in ("input", "labels"):
            alike = [i for i in self.shown if self.data.get(i) == word]
            for n, i in enumerate(alike, 1):
                names[i] = word if len(alike) == 1 else f"{word}{n}"
        return names
