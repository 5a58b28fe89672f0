"""The circuit view: operators, leaves, branch points, and wires that carry a value and a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from graphdiff.diagnose.first_bad import Bad
from graphdiff.draw import words
from graphdiff.draw.first_bad import Spot, spot_of
from graphdiff.draw.glyphs import folded_operand, glyph
from graphdiff.draw.subject import Array, Item, Subject

NO_GRADIENT = "—"
FIRST_BAD = "first bad: "


@dataclass(frozen=True)
class Operator:
    """An operation: round in the forward pass, square in the backward pass.

    Attributes:
        bad: NaN or infinity begins here.
    """

    id: str
    glyph: str
    tooltip: str
    backward: bool
    inside: tuple[int, ...]
    bad: bool = False


@dataclass(frozen=True)
class End:
    """The label where a wire starts (a leaf) or ends (a result)."""

    id: str
    text: str
    tooltip: str
    backward: bool
    inside: tuple[int, ...] = ()
    bad: bool = False


@dataclass(frozen=True)
class Wire:
    """A stretch from one node to the next. A wire without a head leads nowhere: nothing uses its value.

    Attributes:
        above, below, local: the texts on it: value, gradient, and the local gradient at its head.
        into: "operator", "point" or "result": what the head is.
        backward: it carries a gradient of the backward pass.
        bad: it carries the first NaN or infinity.
    """

    id: str
    tail: str
    head: str
    above: str
    below: str
    local: str
    tooltip: str
    into: str
    backward: bool
    inside: tuple[int, ...]
    bad: bool = False


@dataclass(frozen=True)
class Point:
    """Where a value branches to several users, and their gradients add up."""

    id: str
    tooltip: str
    inside: tuple[int, ...]


@dataclass
class Circuit:
    """All that a circuit shows, in the order in which it is written down."""

    subject: Subject
    leaves: list[End] = field(default_factory=list)
    results: list[End] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    loans: list[tuple[End, str]] = field(default_factory=list)
    """Where both passes are shown: the name of a forward value, and the backward operator that uses it."""
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """A forward operator and one that belongs to its backward, where both are shown."""


def circuit_of(subject: Subject, local_gradients: bool = False, bad: Bad | None = None) -> Circuit:
    """The circuit of a subject, where it goes bad marked; ``local_gradients`` adds them at heads of wires."""
    return _Builder(subject, local_gradients, spot_of(bad, subject)).build()


@dataclass(frozen=True)
class _Use:
    """Who a value goes to: an operator's argument, or a result."""

    head: str
    into: str
    gradient: Array | None
    local: str
    inside: tuple[int, ...]


class _Builder:
    def __init__(self, subject: Subject, local_gradients: bool, spot: Spot) -> None:
        self.subject = subject
        self.items = subject.items
        self.local_gradients = local_gradients
        self.spot = spot
        self.folded = [folded_operand(item, subject.items) for item in subject.items]
        self.circuit = Circuit(subject)
        self.results: dict[int, list[int]] = {}
        for number, (i, _) in enumerate(subject.outputs):
            self.results.setdefault(i, []).append(number)

        self.names = subject.names([i for i in subject.labels if self._users(i) or not subject.users[i]])

    def build(self) -> Circuit:
        for i, item in enumerate(self.items):
            users = self._users(i)
            if item.node.primitive is not None:
                self._add_operator(i, item)
            elif i not in self.names or item.node.role in self.subject.hidden:
                continue
            else:
                text = self.names[i]
                bad = i == self.spot.item
                leaf = End(f"n{i}", text, _describe(item, text), item.backward, item.inside, bad)
                self.circuit.leaves.append(leaf)
            uses = [self._use(user, k) for user, k in users if not self._lends(i, user)]
            self._add_wires(i, item, uses + self._results(i, item))
            self._lend(i, item, [user for user, _ in users if self._lends(i, user)])
        self._pair()
        return self.circuit

    def _users(self, i: int) -> list[tuple[int, int]]:
        """Who uses a value, but for those that have it in their glyph."""
        return [(user, argnum) for user, argnum in self.subject.users[i] if self.folded[user] != argnum]

    def _add_operator(self, i: int, item: Item) -> None:
        shown = glyph(item, self.folded[i], self.items)
        told, bad = _describe_operation(item), i == self.spot.item
        self.circuit.operators.append(Operator(f"n{i}", shown, told, item.backward, item.inside, bad))

    def _use(self, user: int, argnum: int) -> _Use:
        item = self.items[user]
        local = item.local(argnum) if self.local_gradients else ""
        return _Use(f"n{user}", "operator", self.subject.passed(user, argnum), local, item.inside)

    def _results(self, i: int, item: Item) -> list[_Use]:
        uses = []
        for number in self.results.get(i, ()):
            text = self.subject.outputs[number][1]
            self.circuit.results.append(End(f"out{number}", text, _describe(item, text), item.backward))
            uses.append(_Use(f"out{number}", "result", _seed(item), "", ()))
        return uses

    def _lends(self, i: int, user: int) -> bool:
        """Whether a forward value is used by the backward pass beside it."""
        return self.subject.show == "both" and self.items[user].backward and not self.items[i].backward

    def _lend(self, i: int, item: Item, users: Sequence[int]) -> None:
        text = self.names.get(i) or item.node.name or self.subject.of
        for user in users:
            end = End(f"t{len(self.circuit.loans)}", text, _describe(item, text), False)
            self.circuit.loans.append((end, f"n{user}"))

    def _add_wires(self, i: int, item: Item, uses: Sequence[_Use]) -> None:
        if len(uses) < 2:
            use = uses[0] if uses else _Use("", "", None, "", ())
            self._add_wire(f"w{i}", f"n{i}", use, i, item.gradient, trunk=True)
            return
        point = Point(f"p{i}", f"{_name(item)} branches {len(uses)} ways", item.inside)
        self.circuit.points.append(point)
        trunk = _Use(point.id, "point", None, "", item.inside)
        self._add_wire(f"w{i}", f"n{i}", trunk, i, item.gradient, trunk=True)
        for k, use in enumerate(uses, 1):
            self._add_wire(f"w{i}_{k}", point.id, use, i, use.gradient, trunk=False)

    def _add_wire(self, id: str, tail: str, use: _Use, i: int, gradient: Array | None, trunk: bool) -> None:
        item = self.items[i]
        shape = item.node.spec.shape
        value = words.array(item.value) if item.value is not None else words.shape(shape) if shape else ""
        if trunk and item.node.name and item.node.primitive is not None and use.into != "result":
            name = words.subscripted(words.short(item.node.name))
            value = f"{name} = {value}" if value else name
        below = ""
        if item.record is not None:
            below = NO_GRADIENT if gradient is None else words.array(gradient)
        carries = item.backward and self.subject.show != "forward"
        above, below = ("", value) if carries else (value, below)
        bad = self.spot.is_on(i, use.head, gradient) and (trunk or self.spot.back)
        if bad:
            above, below = (
                (above, FIRST_BAD + below) if self.spot.back or carries else (FIRST_BAD + above, below)
            )
        inside = _common(item.inside, use.inside)
        tooltip = _describe(item, _name(item), gradient)
        self.circuit.wires.append(
            Wire(id, tail, use.head, above, below, use.local, tooltip, use.into, carries, inside, bad)
        )

    def _pair(self) -> None:
        if self.subject.show != "both":
            return
        place = {item.node.id: f"n{i}" for i, item in enumerate(self.items) if item.node.primitive}
        for i, item in enumerate(self.items):
            if item.backward and item.node.primitive and item.node.origin in place:
                self.circuit.pairs.append((place[item.node.origin], f"n{i}"))


def _seed(item: Item) -> Array | None:
    """The gradient that enters at a result: only that which was differentiated has one."""
    if item.record is None or item.gradient is None or item.shown is not item.record.output:
        return None
    return item.gradient


def _name(item: Item) -> str:
    return item.node.name or (item.node.primitive.name if item.node.primitive else item.node.role)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return one[:shared]


def _describe(item: Item, name: str, gradient: Array | None = None) -> str:
    """Name, spec, and the numbers with more digits than the wire has room for."""
    gradient = item.gradient if gradient is None else gradient
    parts = [f"{words.clean(name)}: {words.spec(item.node.spec)}"]
    if item.value is not None and item.value.size == 1:
        parts.append(f"value {words.exact(np.ravel(item.value)[0])}")
    if gradient is not None and gradient.size == 1:
        parts.append(f"gradient {words.exact(np.ravel(gradient)[0])}")
    return " · ".join(parts)


def _describe_operation(item: Item) -> str:
    """What an operation does, its derivative, and the user's line, without the folders it lies in."""
    primitive = item.node.primitive
    assert primitive is not None
    parts = [primitive.name]
    if primitive.__doc__ and primitive.__doc__ != primitive.name:
        parts[0] += f": {primitive.__doc__.rstrip('.')}"
    if primitive.formula:
        parts.append(f"derivative {', '.join(filter(None, primitive.formula))}")
    if item.node.source:
        parts.append(item.node.source.replace("\\", "/").rpartition("/")[2])
    return " · ".join(parts)
