"""Which operations share a box: those of one scope, folded further until the boxes are few enough.

Folding never makes a cycle: where a scope is left and entered again, its box is split into one per visit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

from graphdiff.draw.bands import Span, bands
from graphdiff.draw.scopes import Asked, Scope, parts
from graphdiff.draw.subject import Subject

BUDGET = 60
"""The most boxes of a picture, unless told otherwise."""

_PAGE = 24  # boxes that fit a page
_MOST_LAYERS = 200  # boxes that can still be laid out
_FEW = 5  # boxes that tell too little
_MOST_RUNS = 20  # boxes for stretches of operations without a scope, once they must be folded


@dataclass(frozen=True)
class Group:
    """The operations in one box.

    Attributes:
        scope: the path of the box, whose last part is its title; empty for operations without a scope.
        around: the scopes around the box.
        members: the numbers of its operations, in order.
        instances: where the box stands for equal pieces, the operations of each of them.
        last: the scope of the last piece.
        beside: the pieces stand side by side; else each takes what the one before it gives.
        band: the numbers of the first and the last, where nothing but the order of computation holds it
            together.
        of: the first operation of the group of the forward pass that it belongs to, for one of a later stage.
    """

    scope: Scope
    around: Scope
    members: tuple[int, ...]
    instances: tuple[tuple[int, ...], ...] = ()
    last: Scope = ()
    beside: bool = False
    band: Span | None = None
    of: int | None = None


@dataclass(frozen=True)
class Folding:
    """How far to fold.

    Attributes:
        room: the most boxes.
        page: as many boxes as are aimed at.
        depth: the most levels of scopes.
        folded, unfolded: scopes that are one box each, or that are shown with all that is inside.
        spans: operations that are shown one by one, by their numbers; the others are in bands then.
    """

    room: int = BUDGET
    page: int = _PAGE
    depth: int | None = None
    folded: Collection[Scope] = ()
    unfolded: Collection[Scope] = ()
    spans: Sequence[Span] = ()


def folding_of(asked: Asked, depth: int | None, boxes: int | None, style: str) -> Folding:
    """How far to fold for a style: the tensor style shows every layer while that can be laid out."""
    most = boxes or (_MOST_LAYERS if style == "tensor" else BUDGET)
    page = boxes or (_MOST_LAYERS if style == "tensor" else _PAGE)
    return Folding(most, page, depth, asked.folded, asked.unfolded, asked.spans)


Simplify = Callable[[Subject, Sequence[Group]], Sequence[Group]]


def fold(subject: Subject, folding: Folding, simplify: Simplify = lambda _, groups: groups) -> list[Group]:
    """The operations of the first stage in at most ``folding.room`` boxes (at least one), in topological
    order.

    The deepest scopes fold first; then stretches of operations without a scope; then whatever is
    neighboured in the order of computation, in bands. ``simplify`` makes fewer of the boxes of each attempt.
    """
    operations = subject.first_operations
    if folding.spans:
        return _banded(operations, folding)
    scopes = {i: parts(subject.items[i].node.scope) for i in operations}
    found = _at_some_depth(subject, operations, scopes, folding, simplify)
    scoped = any(scopes.values())
    if found and len(found) <= (folding.room if scoped or len(operations) <= folding.room else folding.page):
        return found
    groups = _in_runs(subject, operations, scopes, folding.room) if scoped else []
    return groups if 0 < len(groups) <= folding.room else _banded(operations, folding)


def _banded(operations: Sequence[int], folding: Folding) -> list[Group]:
    """Bands of operations; single ones stand for themselves."""
    return [
        Group((), (), tuple(operations[first - 1 : last]), band=(first, last) if first < last else None)
        for first, last in bands(len(operations), folding.room, folding.spans)
    ]


def _at_some_depth(
    subject: Subject,
    operations: Sequence[int],
    scopes: Mapping[int, Scope],
    folding: Folding,
    simplify: Simplify,
) -> list[Group]:
    """The finest fold that fits the page; one that has room only, where that would tell too little."""
    deepest = max(map(len, scopes.values()), default=0)
    finest = deepest if folding.depth is None else min(folding.depth, deepest)
    roomy: list[Group] = []
    for depth in range(finest, min(finest, 1) - 1, -1):
        cut = _Cut(depth, folding)
        groups = list(simplify(subject, _grouped(subject, operations, scopes, cut)))
        if len(groups) <= folding.page:
            return groups if len(groups) >= _FEW or not roomy else roomy
        if len(groups) <= folding.room:
            roomy = groups
    return roomy


class _Cut:
    """Where the path of a scope is cut off: at a depth, but for what is to be folded or unfolded."""

    def __init__(self, depth: int, folding: Folding) -> None:
        self.depth = depth
        self.folded = set(folding.folded)
        self.unfolded = set(folding.unfolded)
        self.opened = {scope[:n] for scope in self.unfolded for n in range(1, len(scope) + 1)}
        self.known: dict[Scope, Scope] = {}

    def __call__(self, scope: Scope) -> Scope:
        if scope not in self.known:
            self.known[scope] = self._cut(scope)
        return self.known[scope]

    def _cut(self, scope: Scope) -> Scope:
        for n in range(1, len(scope) + 1):
            if scope[:n] in self.folded:
                return scope[:n]
        n = min(self.depth, len(scope))
        while n < len(scope) and self._is_open(scope[:n]):
            n += 1
        return scope[:n]

    def _is_open(self, scope: Scope) -> bool:
        return scope in self.opened or any(scope[:n] in self.unfolded for n in range(1, len(scope)))


def _grouped(
    subject: Subject, operations: Sequence[int], scopes: Mapping[int, Scope], cut_at: Callable[[Scope], Scope]
) -> list[Group]:
    """One box per scope, cut off; operations beside deeper scopes, or without one, stand alone."""
    cut = {i: cut_at(scopes[i]) for i in operations}
    outer = {scope[:n] for scope in set(cut.values()) for n in range(len(scope))} | {()}

    def key(i: int) -> Hashable:
        return i if cut[i] in outer else (subject.items[i].stage, cut[i])

    def group(members: tuple[int, ...]) -> Group:
        scope = cut[members[0]]
        return Group((), scope, members) if scope in outer else Group(scope, scope[:-1], members)

    return [group(members) for members in acyclic(subject, operations, key)]


def _in_runs(
    subject: Subject, operations: Sequence[int], scopes: Mapping[int, Scope], budget: int
) -> list[Group]:
    """One box per outermost scope, and few boxes for the stretches of operations between them."""
    others = len({(subject.items[i].stage, scopes[i][:1]) for i in operations if scopes[i]})
    loose = sum(not scopes[i] for i in operations)
    length = -(-loose // max(1, min(_MOST_RUNS, budget - others)))
    run, count = 0, 0
    keys: dict[int, Hashable] = {}
    for i in operations:
        if scopes[i]:
            run, count = run + bool(count), 0
            keys[i] = (subject.items[i].stage, scopes[i][:1])
        else:
            run, count = (run + 1, 1) if count == length else (run, count + 1)
            keys[i] = ("", (str(run), ""))
    groups = acyclic(subject, operations, keys.__getitem__)
    return [Group(scopes[m[0]][:1], (), m) for m in groups]


def acyclic(
    subject: Subject, operations: Sequence[int], key: Callable[[int], Hashable]
) -> list[tuple[int, ...]]:
    """Operations by key, without cycles between groups; those in one are split, at last into single ones."""
    owner: dict[int, Hashable] = {i: key(i) for i in operations}
    for split in (connected, lambda subject, members: [(i,) for i in members]):
        caught = tangled(subject, owner)
        if not caught:
            break
        for name, members in _members(owner).items():
            if name in caught and len(members) > 1:
                for n, part in enumerate(split(subject, members)):
                    owner.update(dict.fromkeys(part, (name, n)))
    return [tuple(members) for members in _members(owner).values()]


def _members(owner: Mapping[int, Hashable]) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for i, name in owner.items():
        found.setdefault(name, []).append(i)
    return found


def connected(subject: Subject, members: Sequence[int]) -> list[tuple[int, ...]]:
    """The members in connected pieces: what one visit to a scope computed hangs together."""
    piece = {i: i for i in members}

    def root(i: int) -> int:
        while piece[i] != i:
            piece[i] = piece[piece[i]]
            i = piece[i]
        return i

    for i in members:
        for operand in subject.items[i].inputs:
            if operand in piece:
                piece[max(root(i), root(operand))] = min(root(i), root(operand))
    found: dict[int, list[int]] = {}
    for i in members:
        found.setdefault(root(i), []).append(i)
    return [tuple(part) for part in found.values()]


def tangled(subject: Subject, owner: Mapping[int, Hashable]) -> set[Hashable]:
    """The groups that lie on a cycle, or on the way between two; ``owner`` is the group of each operation."""
    ahead: dict[Hashable, set[Hashable]] = {name: set() for name in owner.values()}
    behind: dict[Hashable, set[Hashable]] = {name: set() for name in ahead}
    for i, name in owner.items():
        for operand in subject.items[i].inputs:
            if operand in owner and owner[operand] != name:
                ahead[owner[operand]].add(name)
                behind[name].add(owner[operand])
    return _peel(behind, ahead) & _peel(ahead, behind)


def _peel(before: Mapping[Hashable, set[Hashable]], after: Mapping[Hashable, set[Hashable]]) -> set[Hashable]:
    """What stays when everything that nothing comes before has been taken away, again and again."""
    waiting = {name: len(found) for name, found in before.items()}
    ready = [name for name, n in waiting.items() if n == 0]
    while ready:
        for name in after[ready.pop()]:
            waiting[name] -= 1
            if waiting[name] == 0:
                ready.append(name)
    return {name for name, n in waiting.items() if n > 0}
