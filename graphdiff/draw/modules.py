"""The module view: a box per scope, what flows between boxes, and how large the gradients are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from graphdiff.draw import words
from graphdiff.draw.folding import Group, fold
from graphdiff.draw.subject import Array, Item, Subject
from graphdiff.draw.tidying import tidied

BUDGET = 60
_MOST_ENDS = 12  # inputs, or results, shown one by one
_MOST_LINKS = 3  # tensors between two boxes shown one by one
_MOST_KINDS = 4
_PLUMBING = {"transpose", "reshape", "broadcast_to", "cast", "identity", "expand_dims", "squeeze", "moveaxis"}

Fill = Literal["plain", "input", "result", "backward"]


@dataclass(frozen=True)
class Norm:
    """The size of a gradient, or why there is none to tell.

    Attributes:
        state: "known"; "not yet" before any backward pass; "none" where the pass did not come along.
        value: the norm, where it is known.
    """

    state: Literal["known", "not yet", "none"]
    value: float = 0.0


@dataclass(frozen=True)
class Box:
    """A box: title and kind, and under them the parameters of it, if it has any."""

    id: str
    around: tuple[str, ...]
    title: str
    kind: str
    tooltip: str
    fill: Fill = "plain"
    parameters: int = 0
    gradient: Norm | None = None


@dataclass(frozen=True)
class Link:
    """What flows from one box to another; a gradient flows back where ``gradient`` is known."""

    tail: str
    head: str
    text: str
    gradient: Norm | None
    backward: bool


@dataclass
class Overview:
    """All that the module style shows."""

    subject: Subject
    boxes: list[Box] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


def overview_of(subject: Subject, budget: int = BUDGET) -> Overview:
    """The overview of a subject in at most ``budget`` boxes, or a few more where it is very small."""
    overview = _Builder(tidied(subject, views_of_parameters=True), budget).build()
    overview.boxes = _told_apart(overview.boxes)
    return overview


class _Builder:
    def __init__(self, subject: Subject, budget: int) -> None:
        self.subject = subject
        self.items = subject.items
        self.overview = Overview(subject)
        self.forward = subject.show == "forward"
        self.home: dict[int, str] = {}
        self.data = self._fed()
        leaves = [i for i in range(len(self.items)) if self._is_shown_leaf(i)]
        self.names = self._names(leaves)
        room = budget - min(len(subject.outputs), _MOST_ENDS)
        many = len(leaves) > _MOST_ENDS
        self.groups = fold(subject, max(1, room // 2 if many else room - len(leaves)))
        self.leaves = self._bundles(leaves) if many else [(i,) for i in leaves]

    def build(self) -> Overview:
        self._add_leaves()
        for number, group in enumerate(self.groups):
            self.home.update(dict.fromkeys(group.members, f"b{number}"))
        self.results = self._results()
        for number, group in enumerate(self.groups):
            self.overview.boxes.append(self._box(f"b{number}", group))
        self._add_links()
        self._add_results()
        self.overview.facts = self._facts()
        return self.overview

    # Leaves

    def _is_shown_leaf(self, i: int) -> bool:
        """Inputs, and constants that look like data: named ones, and arrays that are no module's own."""
        node = self.items[i].node
        if node.primitive is not None or node.role == "parameter":
            return node.primitive is None and i in {k for k, _ in self.subject.outputs}
        return node.role != "constant" or bool(node.name) or i in self.data

    def _fed(self) -> dict[int, str]:
        """What to call the nameless arrays that feed the graph.

        Those are the arrays that meet parameters alone and, where no module is at work, those that meet
        what was computed from data. An array that a module adds to its data is its own affair.
        """
        found: dict[int, str] = {}
        data: set[int] = set()
        for i, item in enumerate(self.items):
            if item.node.primitive is None:
                if item.node.role != "constant" and not self._is_parameter(i):
                    data.add(i)
                continue
            meets_data = any(k in data for k in item.inputs)
            if not item.backward and not (meets_data and item.node.scope):
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

    def _names(self, leaves: Sequence[int]) -> dict[int, str]:
        names = self.subject.names(leaves)
        for word in ("input", "labels"):
            alike = [i for i in leaves if self.data.get(i) == word]
            for n, i in enumerate(alike, 1):
                names[i] = word if len(alike) == 1 else f"{word}{n}"
        return names

    def _bundles(self, leaves: Sequence[int]) -> list[tuple[int, ...]]:
        """Leaves that the same box uses first, together."""
        box = {i: number for number, group in enumerate(self.groups) for i in group.members}
        found: dict[int, list[int]] = {}
        for i in leaves:
            found.setdefault(min((box[user] for user, _ in self.subject.users[i]), default=-1), []).append(i)
        return [tuple(found[number]) for number in sorted(found)]

    def _add_leaves(self) -> None:
        for members in self.leaves:
            items = [self.items[i] for i in members]
            title = self.names[members[0]]
            kind: str = items[0].node.role if items[0].node.name else ""
            if len(members) > 1:
                title, kind = f"{len(members):,} inputs", _listing([self.names[i] for i in members])
            self.home.update(dict.fromkeys(members, f"n{members[0]}"))
            fill: Fill = "backward" if items[0].backward else "input"
            tooltip = f"{title}: {words.spec(items[0].node.spec)}" if len(members) == 1 else title
            self.overview.boxes.append(Box(f"n{members[0]}", (), title, kind, tooltip, fill))

    # Boxes

    def _box(self, id: str, group: Group) -> Box:
        items = [self.items[i] for i in group.members]
        names = [item.node.primitive.name for item in items if item.node.primitive]
        parameters = self._parameters(group.members)
        if items[0].backward and self.subject.show == "both":  # they are the forward boxes'
            parameters = []
        title, kind = self._title(group, items, names)
        fill: Fill = "backward" if all(item.backward for item in items) else "plain"
        if group.members[-1] in self.results:
            title = self.results[group.members[-1]]
            fill, kind = "result", f"{names[-1]}{_value(items[-1])}"
        return Box(
            id,
            group.around,
            title,
            kind,
            _tooltip(group, items, names),
            fill,
            sum(p.node.spec.size for p in parameters),
            self._norm([p.gradient for p in parameters]) if parameters and self.forward else None,
        )

    def _title(self, group: Group, items: Sequence[Item], names: Sequence[str]) -> tuple[str, str]:
        if group.scope:
            mark = "∂ " if items[0].backward and not self.forward else ""
            return mark + group.scope[-1], _kinds(names)
        if len(items) > 1:
            return f"{len(items):,} operations", _counted(names)
        node = items[0].node
        assert node.primitive is not None
        symbol = words.clean(node.primitive.symbol)
        return node.name or names[0], names[0] if node.name else symbol if symbol != names[0] else ""

    def _parameters(self, members: Iterable[int]) -> list[Item]:
        found = dict.fromkeys(k for i in members for k in self.items[i].inputs)
        return [self.items[k] for k in found if self._is_parameter(k)]

    def _is_parameter(self, i: int) -> bool:
        return self.items[i].node.role == "parameter" and self.items[i].node.primitive is None

    def _norm(self, gradients: Sequence[Array | None]) -> Norm:
        if self.subject.record is None:
            return Norm("not yet")
        known = [g for g in gradients if g is not None]
        return Norm("known", words.length_of(*known)) if known else Norm("none")

    # Results

    def _results(self) -> dict[int, str]:
        """The results that are an operation in a box of its own, which then is the result's box."""
        alone = {g.members[0] for g in self.groups if len(g.members) == 1 and not g.around and not g.scope}
        used = [i for i, _ in self.subject.outputs]
        return {
            i: self._result_title(i, label)
            for i, label in self.subject.outputs
            if i in alone and used.count(i) == 1 and not self.items[i].backward
        }

    def _result_title(self, i: int, label: str) -> str:
        if self.items[i].node.name or self.items[i].backward or self.items[i].node.primitive is None:
            return label
        loss = self.subject.record is not None and self.items[i].node.spec.size == 1
        return "loss" if loss else "output" if len(self.subject.outputs) == 1 else label

    def _add_results(self) -> None:
        others = [(i, label) for i, label in self.subject.outputs if i not in self.results]
        if len(others) > _MOST_ENDS:
            kind = _listing([label for _, label in others])
            self.overview.boxes.append(Box("out", (), f"{len(others):,} results", kind, "results", "result"))
            for home in dict.fromkeys(self.home[i] for i, _ in others if i in self.home):
                self.overview.links.append(Link(home, "out", "", None, False))
            return
        for number, (i, label) in enumerate(others):
            item = self.items[i]
            title = self._result_title(i, label)
            kind = _value(item).removeprefix(" = ") or words.shape(item.node.spec.shape)
            tooltip = f"{title}: {words.spec(item.node.spec)}"
            self.overview.boxes.append(Box(f"out{number}", (), title, kind, tooltip, "result"))
            if i in self.home:
                self.overview.links.append(self._link(self.home[i], f"out{number}", {i: []}))

    # Links

    def _add_links(self) -> None:
        flows: dict[tuple[str, str], dict[int, list[tuple[int, int]]]] = {}
        for i in range(len(self.items)):
            for user, argnum in self.subject.users[i]:
                tail, head = self.home.get(i), self.home[user]
                if tail is not None and tail != head:
                    flows.setdefault((tail, head), {}).setdefault(i, []).append((user, argnum))
        bundles = {f"n{members[0]}" for members in self.leaves if len(members) > 1}
        for (tail, head), tensors in flows.items():
            if len(tensors) > _MOST_LINKS or (tail in bundles and len(tensors) > 1):
                self.overview.links.append(self._link(tail, head, tensors))
            else:
                self.overview.links += [self._link(tail, head, {i: uses}) for i, uses in tensors.items()]

    def _link(self, tail: str, head: str, tensors: dict[int, list[tuple[int, int]]]) -> Link:
        first = self.items[next(iter(tensors))]
        shape = first.node.spec.shape
        text = f"{len(tensors)} tensors" if len(tensors) > 1 else words.shape(shape) if shape else ""
        gradient = None
        if self.subject.record is not None and self.forward and first.node.role != "constant":
            gradient = self._norm([self._gradient(i, uses) for i, uses in tensors.items()])
        return Link(tail, head, text, gradient, first.backward and not self.forward)

    def _gradient(self, i: int, uses: Sequence[tuple[int, int]]) -> Array | None:
        """What the uses passed back; all that arrived where there are no others."""
        if len(uses) == len(self.subject.users[i]) or not uses:
            return self.items[i].gradient
        passed = [p for user, argnum in uses if (p := self.subject.passed(user, argnum)) is not None]
        with np.errstate(all="ignore"):
            return np.sum(passed, axis=0) if passed else None

    # Facts

    def _facts(self) -> list[str]:
        subject = self.subject
        drawn = subject.record.forward_graph if subject.record else [item.node for item in self.items]
        parameters = sum(n.spec.size for n in drawn if n.role == "parameter" and n.primitive is None)
        facts = []
        batch = next(filter(self._is_batch, self.names), None) if parameters else None
        if batch is not None:
            facts.append(f"batch {self.items[batch].node.spec.shape[0]}")
        if parameters:
            facts.append(f"{words.count(parameters)} parameters")
        result = self.items[subject.outputs[0][0]] if len(subject.outputs) == 1 else None
        if result is not None and subject.record is not None and _value(result):
            facts.append(f"{self._result_title(*subject.outputs[0])}{_value(result)}".replace(" = ", " "))
        if subject.operations != len(self.groups):
            operations = words.plural(subject.operations, "operation")
            facts.append(f"{operations} shown as {words.plural(len(self.groups), 'box')}")
        if subject.record is None and parameters:
            facts.append("no backward yet")
        return facts

    def _is_batch(self, i: int) -> bool:
        """Whether the first axis of an input counts examples: it has others, and is not multiplied away."""
        node = self.items[i].node
        users = [(self.items[user].node.primitive, argnum) for user, argnum in self.subject.users[i]]
        factor = any(primitive and primitive.name == "matmul" and argnum == 1 for primitive, argnum in users)
        return node.role in ("input", "constant") and node.spec.ndim > 1 and not factor


def _told_apart(boxes: Sequence[Box]) -> list[Box]:
    """The boxes, numbered where several would read the same."""
    alike: dict[tuple[object, ...], list[Box]] = {}
    for box in boxes:
        alike.setdefault((box.around, box.title, box.kind), []).append(box)
    number = {box.id: n for same in alike.values() if len(same) > 1 for n, box in enumerate(same, 1)}
    return [replace(b, title=f"{b.title} ({number[b.id]})") if b.id in number else b for b in boxes]


def _value(item: Item) -> str:
    if item.value is None or item.value.size != 1:
        return ""
    return f" = {words.exact(np.ravel(item.value)[0], 4)}"


def _kinds(names: Sequence[str]) -> str:
    """What a box does, without repeats and without mere rearrangement."""
    kinds = list(dict.fromkeys(name for name in names if name not in _PLUMBING)) or list(dict.fromkeys(names))
    return _listing(kinds, " • ", _MOST_KINDS)


def _counted(names: Sequence[str]) -> str:
    common = [f"{name} × {n:,}" for name, n in Counter(names).most_common()]
    return _listing(common, " • ", 3)


def _listing(texts: Sequence[str], between: str = ", ", most: int = 3) -> str:
    shown = [words.short(text, 24) for text in texts[:most]]
    return between.join(shown + ["…"] * (len(texts) > most))


def _tooltip(group: Group, items: Sequence[Item], names: Sequence[str]) -> str:
    where = ".".join(group.scope or group.around)
    what = f"{words.plural(len(items), 'operation')}: {_listing(names, ', ', 8)}"
    source = items[-1].node.source.replace("\\", "/").rpartition("/")[2]
    return " · ".join(filter(None, (where, what, source)))
