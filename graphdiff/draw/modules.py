"""The module view: a box per layer or scope, what flows between boxes, and how large the gradients are.

This is what every output is made from: DOT, JSON, Mermaid and HTML read an :class:`Overview` and need to
know nothing of graphs. Ids are the names of DOT nodes and of the elements of an SVG.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from graphdiff.draw import words
from graphdiff.draw.folding import Folding, Group, fold
from graphdiff.draw.kinds import counted, kinds, listing
from graphdiff.draw.links import Flow, flows
from graphdiff.draw.rolling import rolled
from graphdiff.draw.scopes import parts
from graphdiff.draw.subject import Array, Item, Stage, Subject, values_of
from graphdiff.draw.tidying import tidied
from graphdiff.draw.twins import stages_of, twins

_MOST_ENDS = 12  # inputs, or results, shown one by one
_LONGEST_STRIP = 40
TITLE_LENGTH = 28
_MARKS = {"backward": "∂", "update": "Δ"}
_MOST_TOLD = 6  # operations without a scope that are told by their kinds

Fill = Literal["plain", "input", "result", "backward", "update"]


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
class Repeat:
    """That a box stands for equal pieces.

    Attributes:
        count: how many.
        beside: they stand side by side; else one after the other.
        weights: "distinct", "shared" or "partly shared"; "" where there are none.
        of: what the strip shows: "‖∇W‖", the gradient of the weights, or "‖∇out‖", that of the result.
        strip: one norm for each piece, or for pieces at even distances where they are many.
        ends: what the first and the last piece are called.
    """

    count: int
    beside: bool
    weights: str
    of: str
    strip: tuple[Norm, ...]
    ends: tuple[str, str]


@dataclass(frozen=True)
class Box:
    """A box: title and kind, and under them the parameters of it, if it has any.

    Attributes:
        id: the name of the DOT node and the id of the SVG element.
        scope: the dotted path of the module it is, "" for operations of none.
        around: the scopes around it, drawn as frames.
        kind: what it does.
        fill: what part of the picture it is.
        members: the operations (or leaves) in it, as numbers of ``Overview.subject.items``.
        parameters: how many numbers are trained in it.
        gradient: the size of the gradient of its parameters, if it has any.
        repeat: where it stands for several equal pieces.
        rows, color: what its layer says of itself.
        stage: the part of a training step that it belongs to.
        beside: the id of the box of the forward pass that it belongs to, for one of a later stage.
    """

    id: str
    around: tuple[str, ...]
    title: str
    kind: str
    tooltip: str
    fill: Fill = "plain"
    parameters: int = 0
    gradient: Norm | None = None
    scope: str = ""
    members: tuple[int, ...] = ()
    repeat: Repeat | None = None
    rows: tuple[str, ...] = ()
    color: str = ""
    stage: Stage = "forward"
    beside: str = ""


@dataclass(frozen=True)
class Link:
    """What flows from one box to another; a gradient flows back where ``gradient`` is known.

    Attributes:
        id: the id of the SVG element.
        tail, head: ids of boxes.
        text: the shape of what flows, or how many tensors.
        backward: what flows is of the backward pass.
        tensors: what flows, as numbers of ``Overview.subject.items``.
    """

    tail: str
    head: str
    text: str
    gradient: Norm | None
    backward: bool
    id: str = ""
    tensors: tuple[int, ...] = ()


@dataclass
class Overview:
    """All that the tensor style and the overview show: boxes in topological order, links between them, and
    facts for the heading."""

    subject: Subject
    boxes: list[Box] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    stages: Sequence[Stage] = ("forward",)
    """The parts of a training step that are shown, each in a panel of its own where there are several."""


def overview_of(subject: Subject, folding: Folding, roll: bool = True) -> Overview:
    """The overview of a subject in at most ``folding.room`` boxes, or a few more where that is very small.

    ``roll``: show layers together with their activations, and repeats as one box.
    """
    overview = _Builder(tidied(subject, views_of_parameters=True), folding, roll).build()
    overview.boxes = _told_apart(_unframed(overview.boxes))
    overview.links = [replace(link, id=f"e{n}") for n, link in enumerate(overview.links)]
    return overview


def layers_of(subject: Subject) -> int:
    """How many boxes the tensor style has for a subject, without inputs and results."""
    most = len(subject.items)
    return len(fold(tidied(subject, views_of_parameters=True), Folding(most, most)))


class _Builder:
    def __init__(self, subject: Subject, folding: Folding, roll: bool) -> None:
        self.subject = subject
        self.items = subject.items
        self.overview = Overview(subject, stages=stages_of(subject))
        self.panels = len(self.overview.stages) > 1
        self.forward = subject.show == "forward" and not self.panels
        self.home: dict[int, str] = {}
        self.data = self._fed()
        leaves = [i for i in range(len(self.items)) if self._is_shown_leaf(i)]
        self.names = self._names(leaves)
        room = folding.room - min(len(subject.outputs), _MOST_ENDS)
        many = len(leaves) > _MOST_ENDS
        room = max(1, (room // 2 if many else room - len(leaves)) // max(1, len(self.overview.stages)))
        folding = replace(folding, room=room, page=min(folding.page, room))
        self.groups = fold(subject, folding, *[rolled] * roll)
        self.groups += twins(subject, self.groups)
        self.leaves = self._bundles(leaves, many)

    def build(self) -> Overview:
        self._add_leaves()
        for number, group in enumerate(self.groups):
            self.home.update(dict.fromkeys(group.members, f"b{number}"))
        self.results = self._results()
        for number, group in enumerate(self.groups):
            self.overview.boxes.append(self._box(f"b{number}", group))
        self.place = {box.id: (box.stage, box.beside or box.id) for box in self.overview.boxes}
        self._add_links()
        self._add_results()
        self.overview.facts = self._facts()
        return self.overview

    # Leaves

    def _is_shown_leaf(self, i: int) -> bool:
        """Inputs, and constants that look like data: named ones, and arrays that are no module's own."""
        node = self.items[i].node
        users = [self.items[user].stage for user, _ in self.subject.users[i]]
        if self.panels and users and set(users) == {"update"}:
            return False  # what the optimizer keeps
        if node.role in self.subject.hidden and i not in self.data:
            return False
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
            if item.stage == "forward" and not (meets_data and item.node.scope):
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

    def _bundles(self, leaves: Sequence[int], many: bool) -> list[tuple[int, ...]]:
        """Leaves that the same box uses first, together: where they are many in all, or feed equal pieces."""
        box = {i: number for number, group in enumerate(self.groups) for i in group.members}
        found: dict[tuple[int, int], list[int]] = {}
        for i in leaves:
            first = min((box[user] for user, _ in self.subject.users[i]), default=-1)
            together = many or (first >= 0 and self.groups[first].instances and not self.items[i].node.name)
            found.setdefault((first, -1 if together else i), []).append(i)
        return [tuple(found[key]) for key in (sorted(found) if many else found)]

    def _add_leaves(self) -> None:
        for members in self.leaves:
            items = [self.items[i] for i in members]
            title = self.names[members[0]]
            kind: str = items[0].node.role if items[0].node.name else ""
            if len(members) > 1:
                title, kind = f"{len(members):,} inputs", listing([self.names[i] for i in members])
            self.home.update(dict.fromkeys(members, f"n{members[0]}"))
            fill: Fill = "backward" if items[0].backward else "input"
            tooltip = f"{title}: {words.spec(items[0].node.spec)}" if len(members) == 1 else title
            stage: Stage = "backward" if fill == "backward" else "forward"
            box = Box(f"n{members[0]}", (), title, kind, tooltip, fill, members=members, stage=stage)
            self.overview.boxes.append(box)

    # Boxes

    def _box(self, id: str, group: Group) -> Box:
        items = [self.items[i] for i in group.members]
        names = [item.node.primitive.name for item in items if item.node.primitive]
        parameters = self._parameters(group.members)
        if "parameter" in self.subject.hidden:
            parameters = []
        stage = items[0].stage
        gradient = (
            self._norm([p.gradient for p in parameters])
            if parameters and self.forward and stage == "forward"
            else None
        )
        if self.panels and stage != "forward":  # the parameters are the forward box's
            gradient = self._gradient_beside(group) if stage == "backward" else None
            parameters = []
        title, kind = self._title(group, items, names)
        fill = self._fill(items)
        result = next((self.results[i] for i in group.members if i in self.results), "")
        if result:
            fill, title = "result", result
            kind = f"{kinds(group.members, self.items)}{_value(items[-1])}"
        return Box(
            id,
            group.around,
            title,
            kind,
            _tooltip(group, items, names),
            fill,
            sum(p.node.spec.size for p in parameters),
            gradient,
            ".".join(group.scope),
            group.members,
            self._repeat(group) if group.instances else None,
            stage=stage,
            beside="" if group.of is None else self.home[group.of],
        )

    def _gradient_beside(self, group: Group) -> Norm | None:
        """The size of the gradient that a box of the backward pass gives to the parameters beside it."""
        of = next((g for g in self.groups if group.of is not None and g.members[0] == group.of), None)
        parameters = self._parameters(of.members) if of else []
        if not parameters or self.subject.record is None:
            return None
        record = self.subject.record
        found = [
            values_of(record[p.tensor]) for p in parameters if p.tensor is not None and p.tensor in record
        ]
        return self._norm(found)

    def _fill(self, items: Sequence[Item]) -> Fill:
        stages = {item.stage for item in items}
        return "plain" if "forward" in stages else "backward" if "backward" in stages else "update"

    def _title(self, group: Group, items: Sequence[Item], names: Sequence[str]) -> tuple[str, str]:
        piece = group.instances[0] if group.instances else group.members
        if group.of is not None:
            of = next(box for box in self.overview.boxes if box.id == self.home[group.of])
            return f"{_MARKS[items[0].stage]} {of.title}", kinds(piece, self.items)
        if group.scope:
            name = group.scope[-1]
            if group.last and group.last != group.scope:
                name = f"{name} … {group.last[-1]}"
            return name, kinds(piece, self.items)
        if len(piece) > 1:
            return self._untitled(group, piece)
        node = items[0].node
        assert node.primitive is not None
        symbol = words.clean(node.primitive.symbol)
        return node.name or names[0], names[0] if node.name else symbol if symbol != names[0] else ""

    def _untitled(self, group: Group, piece: Sequence[int]) -> tuple[str, str]:
        """What several operations outside a scope are called: the scopes inside, or what they do, or how
        many they are."""
        if scopes := self._scopes_inside(group, piece):
            return scopes, kinds(piece, self.items)
        names = [p.name for i in piece if (p := self.items[i].node.primitive)]
        if len(piece) > _MOST_TOLD:
            return f"{len(piece):,} operations", counted(names)
        told = kinds(piece, self.items)
        return (told, "") if len(told) <= TITLE_LENGTH else (f"{len(piece)} operations", told)

    def _scopes_inside(self, group: Group, piece: Sequence[int]) -> str:
        depth = len(group.around)
        paths = [parts(self.items[i].node.scope) for i in piece]
        names = list(dict.fromkeys(path[depth] for path in paths if len(path) > depth))
        last = parts(self.items[group.members[-1]].node.scope)[depth:]
        if last and last[0] not in names:
            return f"{names[0]} … {last[0]}" if names else ""
        return listing(names)

    def _repeat(self, group: Group) -> Repeat:
        count = len(group.instances)
        step = -(-count // _LONGEST_STRIP)
        shown = group.instances[::step]
        sets = [frozenset(p.node.id for p in self._parameters(piece)) for piece in group.instances]
        together = len(frozenset().union(*sets))
        weights = "shared" if len(set(sets)) == 1 else "partly shared"
        if together == sum(map(len, sets)):
            weights = "distinct"
        own = weights == "distinct" and together > 0
        strip = [self._piece_norm(piece, own) for piece in (shown if self.forward else ())]
        named = bool(group.last) and group.last != group.scope
        return Repeat(
            count,
            group.beside,
            weights if together else "",
            "‖∇W‖" if own else "‖∇out‖",
            tuple(strip),
            (group.scope[-1], group.last[-1]) if named else ("1", str(count)),
        )

    def _piece_norm(self, piece: Sequence[int], own: bool) -> Norm:
        """Of the gradient of a piece's own weights, else of what it gives."""
        weights = [p.gradient for p in self._parameters(piece)]
        return self._norm(weights if own else [self.items[piece[-1]].gradient])

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
        """The results that are the last operation of a box outside all scopes, which then is the result's."""
        last = {g.members[-1]: g for g in self.groups if not g.around and not g.scope and not g.instances}
        used = [i for i, _ in self.subject.outputs]
        return {
            i: self._result_title(i, label)
            for i, label in self.subject.outputs
            if i in last
            and used.count(i) == 1
            and self.items[i].stage == "forward"
            and not self._is_used_elsewhere(last[i])
        }

    def _is_used_elsewhere(self, group: Group) -> bool:
        """Whether more than the last value of a group leaves it."""
        inside = set(group.members)
        users = (user for i in group.members[:-1] for user, _ in self.subject.users[i])
        return any(user not in inside and self.items[user].stage == "forward" for user in users)

    def _result_title(self, i: int, label: str) -> str:
        item = self.items[i]
        if item.node.name or item.stage != "forward" or item.node.primitive is None:
            return label
        differentiated = self.subject.record is not None or "backward" in self.overview.stages
        alone = sum(self.items[k].stage == "forward" for k, _ in self.subject.outputs) == 1
        return "loss" if differentiated and item.node.spec.size == 1 else "output" if alone else label

    def _add_results(self) -> None:
        others = [
            (i, label)
            for i, label in self.subject.outputs
            if i not in self.results and not (self.panels and self.items[i].stage != "forward")
        ]
        if len(others) > _MOST_ENDS:
            kind = listing([label for _, label in others])
            self.overview.boxes.append(Box("out", (), f"{len(others):,} results", kind, "results", "result"))
            for home in dict.fromkeys(self.home[i] for i, _ in others if i in self.home):
                self.overview.links.append(Link(home, "out", "", None, False))
            return
        for number, (i, label) in enumerate(others):
            item = self.items[i]
            title = self._result_title(i, label)
            kind = _value(item).removeprefix(" = ") or words.shape(item.node.spec.shape)
            tooltip = f"{title}: {words.spec(item.node.spec)}"
            self.overview.boxes.append(Box(f"out{number}", (), title, kind, tooltip, "result", members=(i,)))
            if i in self.home:
                self.overview.links.append(self._link(Flow(self.home[i], f"out{number}", {i: []})))

    # Links

    def _add_links(self) -> None:
        bundles = {f"n{members[0]}" for members in self.leaves if len(members) > 1}
        found, self.hidden = flows(self.subject, self.home, bundles)
        self.overview.links += [self._link(flow) for flow in found if self._is_drawn(flow)]
        self.overview.links = self._once(self.overview.links)

    def _once(self, links: Sequence[Link]) -> list[Link]:
        """Links, those from panel to panel once for each two boxes."""
        if not self.panels:
            return list(links)
        stage = {id: stage for id, (stage, _) in self.place.items()}
        keys = [
            (link.tail, link.head, link.tensors if stage[link.tail] == stage[link.head] else ())
            for link in links
        ]
        return list(dict(zip(keys, links, strict=True)).values())

    def _is_drawn(self, flow: Flow) -> bool:
        """Whether a flow stays in its panel, or goes from a box to the one beside it."""
        if not self.panels:
            return True
        (tail, row), (head, other) = (self.place[id] for id in (flow.tail, flow.head))
        return (tail == head != "update") or (tail != head and row == other)

    def _link(self, flow: Flow) -> Link:
        tensors = flow.tensors
        first = self.items[next(iter(tensors))]
        shape = first.node.spec.shape
        text = f"{len(tensors)} tensors" if len(tensors) > 1 else words.shape(shape) if shape else ""
        gradient = None
        if self.subject.record is not None and self.forward and first.node.role != "constant":
            gradient = self._norm([self._gradient(i, uses) for i, uses in tensors.items()])
        back = first.backward and not self.forward
        if back and self.panels and self.subject.record is not None:
            gradient = self._norm([self.items[i].value for i in tensors])
        return Link(flow.tail, flow.head, text, gradient, back, tensors=tuple(tensors))

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
        if subject.record is None and parameters and not self.panels:
            facts.append("no backward yet")
        if self.hidden:
            facts.append(f"{words.plural(self.hidden, 'arrow')} that others imply not drawn")
        return facts

    def _is_batch(self, i: int) -> bool:
        """Whether the first axis of an input counts examples: it has others, and is not multiplied away."""
        node = self.items[i].node
        users = [(self.items[user].node.primitive, argnum) for user, argnum in self.subject.users[i]]
        factor = any(primitive and primitive.name == "matmul" and argnum == 1 for primitive, argnum in users)
        return node.role in ("input", "constant") and node.spec.ndim > 1 and not factor


def _unframed(boxes: Sequence[Box]) -> list[Box]:
    """The boxes without frames around a single one, whose name joins its title: ``branch1.conv``."""
    inside = Counter(box.around[:n] for box in boxes for n in range(1, len(box.around) + 1))
    found = []
    for box in boxes:
        kept = next((n for n in range(len(box.around) + 1) if inside[box.around[: n + 1]] == 1), None)
        if kept is not None and kept < len(box.around) and box.scope and not box.repeat:
            title = ".".join((*box.around[kept:], box.title))
            box = replace(box, around=box.around[:kept], title=title)
        found.append(box)
    return found


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


def _tooltip(group: Group, items: Sequence[Item], names: Sequence[str]) -> str:
    where = ".".join(group.scope or group.around)
    what = f"{words.plural(len(items), 'operation')}: {listing(names, ', ', 8)}"
    source = items[-1].node.source.replace("\\", "/").rpartition("/")[2]
    return " · ".join(filter(None, (where, what, source)))
