"""Boxes of the backward pass and of the update, each beside the box of the forward pass that it belongs to.

A backward operation belongs to the operation that it came from, an update to the layer whose parameter it
changes. So a row of a picture of a whole training step is one layer. What several processes exchange is of
many layers, and stands by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphdiff.draw.folding import Group, acyclic
from graphdiff.draw.scopes import parts
from graphdiff.draw.subject import STAGES, Stage, Subject
from graphdiff.ops.collective import Collective

_SHARED = "optimizer"


def stages_of(subject: Subject) -> list[Stage]:
    """The stages that have operations here, in their order."""
    found = {item.stage for item in subject.items if item.node.primitive is not None}
    return [stage for stage in STAGES if stage in found]


def twins(subject: Subject, groups: Sequence[Group]) -> list[Group]:
    """Groups of all operations of the later stages, the first stage's being ``groups``."""
    first = {i: k for k, group in enumerate(groups) for i in group.members}
    later = [i for i, item in enumerate(subject.items) if item.node.primitive is not None and i not in first]
    keys = _Keys(subject, groups, first)
    owner = {i: keys.of(i) for i in later}
    return [
        _twin(groups, members, owner[members[0]][1]) for members in acyclic(subject, later, owner.__getitem__)
    ]


def _twin(groups: Sequence[Group], members: tuple[int, ...], whose: int | str) -> Group:
    if isinstance(whose, str):
        return Group(parts(whose), parts(whose)[:-1], members)
    of = groups[whose]
    return Group(of.scope, of.around, members, last=of.last, of=of.members[0])


class _Keys:
    """To which group of the first stage an operation belongs, else to which scope."""

    def __init__(self, subject: Subject, groups: Sequence[Group], first: Mapping[int, int]) -> None:
        self.items = subject.items
        self.first = first
        self.place = {item.node.id: i for i, item in enumerate(subject.items)}
        self.users = {k: first[i] for i in first for k in subject.items[i].inputs if self._is_cell(k)}
        self.named = {self.items[k].node.name: n for k, n in self.users.items()}
        self.scopes = {".".join(group.scope): k for k, group in reversed([*enumerate(groups)]) if group.scope}
        nodes = [item.node for item in self.items]
        self.exchanges = {node.scope for node in nodes if isinstance(node.primitive, Collective)}
        self.known: dict[int, tuple[Stage, int | str]] = {}

    def of(self, i: int) -> tuple[Stage, int | str]:
        """The stage of an operation, and the number of a group or else a scope; in topological order."""
        item = self.items[i]
        whose = self._changed(i) if item.stage == "update" else self._came_from(i)
        self.known[i] = item.stage, whose
        return self.known[i]

    def _came_from(self, i: int) -> int | str:
        node = self.items[i].node
        origin = self.place.get(node.origin if node.origin is not None else -1)
        if origin is not None and origin in self.first:
            return self.first[origin]
        path = parts(node.scope)
        names = (".".join(path[:n]) for n in range(len(path), 0, -1))
        return next((self.scopes[name] for name in names if name in self.scopes), node.scope)

    def _changed(self, i: int) -> int | str:
        """The layer whose parameter, gradient, or what the optimizer keeps for it, is used."""
        if self.items[i].node.scope in self.exchanges:
            return self.items[i].node.scope
        for k in self.items[i].inputs:
            if k in self.users:
                return self.users[k]
            if (name := self.items[k].node.name.partition("/")[0]) in self.named:
                return self.named[name]
            _, whose = self.known.get(k, ("", _SHARED))
            if whose != _SHARED and whose not in self.exchanges:
                return whose
        return _SHARED

    def _is_cell(self, k: int) -> bool:
        return self.items[k].node.role == "parameter" and self.items[k].node.primitive is None
