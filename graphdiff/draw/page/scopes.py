"""The scopes of a graph as a tree, and in it the repeated blocks, so that a page can fold and unfold them.

Folding never makes a cycle: a scope that is left and entered again is split into its visits, and the
children of a scope stand in topological order, so that neighbours may share a box.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphdiff.draw import words
from graphdiff.draw.folding import acyclic
from graphdiff.draw.kinds import counted, kinds
from graphdiff.draw.labels import labelled
from graphdiff.draw.modules import Box, Overview
from graphdiff.draw.scopes import parts
from graphdiff.draw.subject import Stage, Subject

_MOST_CHILDREN = 60  # side by side; more are bundled
_BUNDLES = 24
_MARKS = {"backward": "∂", "update": "update"}


@dataclass
class Scope:
    """A scope, a row of repeated blocks, or a bundle of neighbours.

    Attributes:
        name: the last part of its path; of repeated blocks the first and the last.
        kind: "scope", "repeat", "bundle" or "panel", a part of a training step.
        path: the whole path, "" for a bundle.
        children: scopes, and the numbers of operations.
    """

    name: str
    kind: str
    path: str
    children: list[Scope | int] = field(default_factory=list)

    @property
    def box(self) -> Box:
        """The scope as a box, which its layer may label."""
        members = tuple(sorted(operations_in(self)))
        return Box(self.path, (), self.name, "", "", scope=self.path, members=members)

    def json(self, subject: Subject) -> dict[str, Any]:
        """The tree with what each scope does, in a few words, and what its layer says of itself."""
        (box,) = labelled([self.box], subject)
        found = {
            "name": self.name,
            "kind": self.kind,
            "path": self.path,
            "does": self._does(box.members, subject) if box.members else "",
            "rows": [words.clean(row) for row in box.rows],
            "color": box.color,
            "children": [child if isinstance(child, int) else child.json(subject) for child in self.children],
        }
        return {key: value for key, value in found.items() if value not in ("", [])}

    def _does(self, members: Sequence[int], subject: Subject) -> str:
        if self.kind != "bundle":
            return kinds(members, subject)
        return counted(p.name for i in members if (p := subject.items[i].node.primitive))


def tree_of(subject: Subject) -> Scope:
    """All operations of a subject, by scope."""
    operations = [i for i, item in enumerate(subject.items) if item.node.primitive is not None]
    return Scope("", "scope", "", _Tree(subject).children(operations, 0))


def panels_of(view: Overview) -> Scope:
    """The parts of a training step as a tree: a panel for each, in it the boxes of the picture, and in these
    their operations by scope."""
    tree = _Tree(view.subject)
    return Scope(
        "", "scope", "", [Scope(stage, "panel", stage, tree.boxes(view, stage)) for stage in view.stages]
    )


class _Tree:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.mixed = any(item.node.primitive and item.stage == "forward" for item in subject.items)
        self.paths = [self._path(i) for i in range(len(subject.items))]

    def boxes(self, view: Overview, stage: Stage) -> list[Scope | int]:
        """The boxes of a stage with what is in them: operands before users; of the update, layer by layer."""
        row = {box.id: n for n, box in enumerate(view.boxes)}
        found = {box.members: box for box in view.boxes if box.stage == stage and box.id.startswith("b")}
        order = self._ordered([*found])
        if stage == "update":
            order.sort(key=lambda members: row.get(found[members].beside, -1))
        return [self._box(found[members]) for members in order]

    def _box(self, box: Box) -> Scope:
        mark, _, title = box.title.partition(" ") if box.beside else ("", "", box.title)
        name = " ".join(filter(None, (mark, ".".join((*box.around, title)))))
        depth = len(box.around) if box.repeat or not box.scope else len(parts(box.scope))
        return Scope(name, "scope", name, self.children(box.members, depth))

    def children(self, operations: Sequence[int], depth: int) -> list[Scope | int]:
        def key(i: int) -> Hashable:
            return self.paths[i][: depth + 1] if len(self.paths[i]) > depth else i

        groups = self._ordered(acyclic(self.subject, operations, key))
        names = Counter(key(members[0]) for members in groups)
        visits = {name: itertools.count(1) for name, n in names.items() if n > 1}
        found: list[Scope | int] = []
        for members in groups:
            path = self.paths[members[0]][: depth + 1]
            if len(path) <= depth:
                found += members
                continue
            visit = f" ({next(visits[path])})" if path in visits else ""
            scope = Scope(path[-1] + visit, "scope", ".".join(path) + visit)
            scope.children = self.children(members, depth + 1)
            found.append(scope)
        return _bundled(list(self._rolled(found)))

    def _path(self, i: int) -> tuple[str, ...]:
        item = self.subject.items[i]
        found = tuple(words.clean(part) or "?" for part in parts(item.node.scope))
        if found and item.stage in _MARKS and self.mixed:
            return (f"{_MARKS[item.stage]} {found[0]}", *found[1:])
        return found

    def _ordered(self, groups: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """The groups in an order in which operands come before users."""
        home = {i: number for number, members in enumerate(groups) for i in members}
        waiting = [
            {home[k] for i in members for k in self.subject.items[i].inputs if k in home} - {number}
            for number, members in enumerate(groups)
        ]
        users: list[list[int]] = [[] for _ in groups]
        for number, operands in enumerate(waiting):
            for operand in operands:
                users[operand].append(number)
        left = [len(operands) for operands in waiting]
        ready = [number for number, n in enumerate(left) if n == 0]
        found = []
        while ready:
            found.append(number := heapq.heappop(ready))
            for user in users[number]:
                left[user] -= 1
                if left[user] == 0:
                    heapq.heappush(ready, user)
        return [groups[number] for number in found]

    def _rolled(self, children: Sequence[Scope | int]) -> Iterator[Scope | int]:
        """Neighbours that are built alike, each using the one before, as one row."""
        run: list[Scope | int] = []
        for child in children:
            if run and not self._follows(run[-1], child):
                yield from _row(run)
                run = []
            run.append(child)
        yield from _row(run)

    def _follows(self, one: Scope | int, other: Scope | int) -> bool:
        if isinstance(one, int) or isinstance(other, int) or len(operations_in(one)) < 2:
            return False
        before = set(operations_in(one))
        fed = any(k in before for i in operations_in(other) for k in self.subject.items[i].inputs)
        return fed and _kin(one) == _kin(other) and self._inside(one) == self._inside(other)

    def _inside(self, scope: Scope) -> Hashable:
        """What a scope is built of: equal for blocks that repeat one another."""
        return tuple(self._built(child) for child in scope.children)

    def _built(self, child: Scope | int) -> Hashable:
        if isinstance(child, Scope):
            return child.name, self._inside(child)
        node = self.subject.items[child].node
        assert node.primitive is not None
        return node.primitive.name, node.spec, str(node.params)


def _kin(scope: Scope) -> str:
    """The name without its numbers, which blocks that repeat one another have in common."""
    return re.sub(r"\d+", "", scope.name)


def operations_in(child: Scope | int) -> list[int]:
    """The numbers of all operations in a scope, however deep."""
    found, waiting = [], [child]
    while waiting:
        one = waiting.pop()
        if isinstance(one, int):
            found.append(one)
        else:
            waiting += one.children
    return found


def _row(run: list[Scope | int]) -> list[Scope | int]:
    scopes = [child for child in run if isinstance(child, Scope)]
    if len(scopes) < 2:
        return run
    first, last = scopes[0], scopes[-1]
    return [Scope(f"{first.name} … {last.name}", "repeat", f"{first.path} … {last.name}", run)]


def _bundled(children: list[Scope | int]) -> list[Scope | int]:
    """Few enough children to stand side by side: neighbours share a bundle."""
    if len(children) <= _MOST_CHILDREN:
        return children
    length = -(-len(children) // _BUNDLES)
    bundles: list[Scope | int] = []
    for start in range(0, len(children), length):
        inside = children[start : start + length]
        count = sum(len(operations_in(child)) for child in inside)
        bundles.append(Scope(words.plural(count, "operation"), "bundle", "", _bundled(inside)))
    return bundles
