"""Which operations share a box: those of one scope, folded further until the boxes are few enough.

Folding never makes a cycle: where a scope is left and entered again, its box is split into one per visit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from graphdiff.draw.subject import Subject

_MOST_RUNS = 20  # boxes for stretches of operations without a scope, once they must be folded


@dataclass(frozen=True)
class Group:
    """The operations in one box.

    Attributes:
        scope: the path of the box, whose last part is its title; empty for operations without a scope.
        around: the scopes around the box.
        members: the numbers of its operations, in order.
    """

    scope: tuple[str, ...]
    around: tuple[str, ...]
    members: tuple[int, ...]


def fold(subject: Subject, budget: int) -> list[Group]:
    """The operations in at most ``budget`` boxes (at least one), in topological order.

    The deepest scopes fold first; then stretches of operations without a scope; then whatever is
    neighboured in the order of computation.
    """
    operations = [i for i, item in enumerate(subject.items) if item.node.primitive is not None]
    scopes = {i: _parts(subject.items[i].node.scope) for i in operations}
    deepest = max(map(len, scopes.values()), default=0)
    for depth in range(deepest, min(deepest, 1) - 1, -1):
        groups = _grouped(subject, operations, scopes, depth)
        if len(groups) <= budget:
            return groups
    groups = _in_runs(subject, operations, scopes, budget)
    return groups if len(groups) <= budget else list(_segments(operations, max(1, budget)))


def _parts(scope: str) -> tuple[str, ...]:
    return tuple(part for part in scope.split(".") if part)


def _grouped(
    subject: Subject, operations: Sequence[int], scopes: dict[int, tuple[str, ...]], depth: int
) -> list[Group]:
    """One box per scope, cut at a depth; operations beside deeper scopes, or without one, stand alone."""
    cut = {i: scopes[i][:depth] for i in operations}
    outer = {scope[:n] for scope in set(cut.values()) for n in range(len(scope))} | {()}

    def key(i: int) -> Hashable:
        return i if cut[i] in outer else (subject.items[i].backward, cut[i])

    def group(members: tuple[int, ...]) -> Group:
        scope = cut[members[0]]
        return Group((), scope, members) if scope in outer else Group(scope, scope[:-1], members)

    return [group(members) for members in _acyclic(subject, operations, key)]


def _in_runs(
    subject: Subject, operations: Sequence[int], scopes: dict[int, tuple[str, ...]], budget: int
) -> list[Group]:
    """One box per outermost scope, and few boxes for the stretches of operations between them."""
    others = len({(subject.items[i].backward, scopes[i][:1]) for i in operations if scopes[i]})
    loose = sum(not scopes[i] for i in operations)
    length = -(-loose // max(1, min(_MOST_RUNS, budget - others)))
    run, count, keys = 0, 0, {}
    for i in operations:
        if scopes[i]:
            run, count = run + bool(count), 0
            keys[i] = (subject.items[i].backward, scopes[i][:1])
        else:
            run, count = (run + 1, 1) if count == length else (run, count + 1)
            keys[i] = (False, (str(run), ""))
    groups = _acyclic(subject, operations, keys.__getitem__)
    return [Group(scopes[m[0]][:1], (), m) for m in groups]


def _segments(operations: Sequence[int], budget: int) -> Iterator[Group]:
    length = -(-len(operations) // budget)
    for start in range(0, len(operations), length):
        yield Group((), (), tuple(operations[start : start + length]))


def _acyclic(
    subject: Subject, operations: Sequence[int], key: Callable[[int], Hashable]
) -> list[tuple[int, ...]]:
    """Operations by key, without cycles between groups; those in one are split, at last into single ones."""
    owner: dict[int, Hashable] = {i: key(i) for i in operations}
    for split in (_visits, lambda subject, members: [(i,) for i in members]):
        tangled = _tangled(subject, owner)
        if not tangled:
            break
        for name, members in _members(owner).items():
            if name in tangled and len(members) > 1:
                for n, part in enumerate(split(subject, members)):
                    owner.update(dict.fromkeys(part, (name, n)))
    return [tuple(members) for members in _members(owner).values()]


def _members(owner: dict[int, Hashable]) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for i, name in owner.items():
        found.setdefault(name, []).append(i)
    return found


def _visits(subject: Subject, members: Sequence[int]) -> list[tuple[int, ...]]:
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


def _tangled(subject: Subject, owner: dict[int, Hashable]) -> set[Hashable]:
    """The groups that lie on a cycle, or on the way between two."""
    ahead: dict[Hashable, set[Hashable]] = {name: set() for name in owner.values()}
    behind: dict[Hashable, set[Hashable]] = {name: set() for name in ahead}
    for i, name in owner.items():
        for operand in subject.items[i].inputs:
            if operand in owner and owner[operand] != name:
                ahead[owner[operand]].add(name)
                behind[name].add(owner[operand])
    return _peel(behind, ahead) & _peel(ahead, behind)


def _peel(before: dict[Hashable, set[Hashable]], after: dict[Hashable, set[Hashable]]) -> set[Hashable]:
    """What stays when everything that nothing comes before has been taken away, again and again."""
    waiting = {name: len(found) for name, found in before.items()}
    ready = [name for name, n in waiting.items() if n == 0]
    while ready:
        for name in after[ready.pop()]:
            waiting[name] -= 1
            if waiting[name] == 0:
                ready.append(name)
    return {name for name, n in waiting.items() if n > 0}
