"""Fewer boxes that tell the same: a layer with the activation behind it, and repeated pieces as one box.

Pieces repeat where they compute the same with the same shapes, one taking what the one before it gives, or
side by side between the same neighbours. Their weights may be distinct or shared.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from graphdiff.draw.folding import Group, connected, tangled
from graphdiff.draw.subject import Item, Subject

_MOST_FUSED = 6
_LONGEST_PERIOD = 24
_MOST_LOOSE = 8  # operations outside all scopes that stay apart
_LEAST_REPEATS = 3  # of operations that no scope holds together


def rolled(subject: Subject, groups: Sequence[Group]) -> Sequence[Group]:
    """The groups with layers and activations together, and with repeats as one group each."""
    for roll in (_visits, partial(_periods, loose=True), _fused, _chains, _rows, _periods, _rows, _gathered):
        groups = _untangled(subject, groups, roll(subject, groups))
    return groups


def _untangled(subject: Subject, before: Sequence[Group], after: Sequence[Group]) -> Sequence[Group]:
    """What was rolled up, in topological order, but for groups that would lie on a cycle."""
    if len(before) == len(after):
        return after
    owner: dict[int, Hashable] = {i: k for k, group in enumerate(after) for i in group.members}
    if caught := tangled(subject, owner):
        kept = [group for k, group in enumerate(after) if k not in caught]
        held = {i for group in kept for i in group.members}
        after = [*kept, *(group for group in before if group.members[0] not in held)]
    return _ordered(subject, after)


def _ordered(subject: Subject, groups: Sequence[Group]) -> Sequence[Group]:
    """In topological order, what was rolled up as early as may be, so that steps stand side by side."""
    near = _Neighbours(subject, groups)
    waiting = [sum(one >= 0 for one in before) for before in near.before]
    ready = [(not g.instances, g.members[0], k) for k, g in enumerate(groups) if not waiting[k]]
    heapq.heapify(ready)
    order = []
    while ready:
        *_, k = heapq.heappop(ready)
        order.append(groups[k])
        for other in near.after[k]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, (not groups[other].instances, groups[other].members[0], other))
    return order


class _Neighbours:
    """Which groups give to a group, and which take from it. Leaves are neighbours, but for parameters and
    for what a module adds on its own."""

    def __init__(self, subject: Subject, groups: Sequence[Group]) -> None:
        self.before: list[dict[int, None]] = [{} for _ in groups]
        self.after: list[dict[int, None]] = [{} for _ in groups]
        owner = {i: k for k, group in enumerate(groups) for i in group.members}
        for k, group in enumerate(groups):
            for i in group.members:
                for operand in subject.items[i].inputs:
                    other = owner.get(operand)
                    if other is None and not _is_own(subject.items[operand], subject.items[i]):
                        self.before[k][-1 - operand] = None
                    elif other is not None and other != k:
                        self.before[k][other] = None
                        self.after[other][k] = None

    def follows(self, one: int, other: int) -> bool:
        """Whether ``other`` takes from ``one`` alone, and ``one`` gives to ``other`` alone."""
        return list(self.before[other]) == [one] and list(self.after[one]) == [other]


def _is_own(leaf: Item, user: Item) -> bool:
    """Whether a leaf is no data, but the affair of the module that uses it."""
    return leaf.node.role == "parameter" or (
        leaf.node.role == "constant" and not leaf.node.name and bool(user.node.scope)
    )


# A layer and its activation


def _fused(subject: Subject, groups: Sequence[Group]) -> Sequence[Group]:
    """Each layer together with what follows it and has no matrix of its own, or with such before it."""
    near = _Neighbours(subject, groups)
    home = list(range(len(groups)))
    fused = [[group] for group in groups]
    for k, group in enumerate(groups):
        for one in near.before[k]:
            if one < 0 or not near.follows(one, k):
                continue
            narrow = len(near.before[home[one]]) < 2
            if _fits(subject, fused[home[one]], group, narrow):
                home[k] = home[one]
                fused[home[k]].append(group)
    return [_join(subject, parts) for k, parts in enumerate(fused) if home[k] == k]


def _fits(subject: Subject, parts: Sequence[Group], group: Group, narrow: bool) -> bool:
    """Whether a group goes into the box of those before it. ``narrow``: they take from one place alone."""
    first, last = parts[0], parts[-1]
    results = {i for i, _ in subject.outputs}
    if first.around != group.around or len(parts) >= _MOST_FUSED or not results.isdisjoint(last.members):
        return False
    if not (_is_layer(subject, last) and _is_layer(subject, group)):
        return False
    if any(part.scope for part in parts) and _is_total(subject, group):
        return False
    return not _is_heavy(subject, group) or (narrow and not any(_is_heavy(subject, part) for part in parts))


def _join(subject: Subject, parts: Sequence[Group]) -> Group:
    if len(parts) == 1:
        return parts[0]
    main = next((g for g in parts if _is_heavy(subject, g)), next((g for g in parts if g.scope), parts[0]))
    return replace(main, members=tuple(i for part in parts for i in part.members))


def _is_layer(subject: Subject, group: Group) -> bool:
    """Whether a group is one layer of the forward pass."""
    stages = {subject.items[i].stage for i in group.members}
    return not group.instances and len(group.members) <= _MOST_FUSED and stages == {"forward"}


def _is_total(subject: Subject, group: Group) -> bool:
    """Whether a group gives one number, such as a loss, which is no part of a layer."""
    return subject.items[group.members[-1]].node.spec.ndim == 0


def _is_heavy(subject: Subject, group: Group) -> bool:
    """Whether a matrix or a filter of its own is at work in it."""
    operands = (subject.items[k].node for i in group.members for k in subject.items[i].inputs)
    return any(node.role == "parameter" and node.spec.ndim > 1 for node in operands)


# Repeats


class _Structure:
    """What pieces of a graph do, in a form that equal ones share."""

    def __init__(self, subject: Subject) -> None:
        self.items = subject.items
        self.kinds = subject.kinds

    def of(self, members: Sequence[int]) -> Hashable:
        if len(members) == 1:
            return self.kinds[members[0]]
        place = {i: k for k, i in enumerate(members)}
        return tuple((self.kinds[i], *[place.get(k, -1) for k in self.items[i].inputs]) for i in members)

    def between(self, pieces: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
        """Which piece gives something to which other, by number."""
        owner = {i: n for n, piece in enumerate(pieces) for i in piece}
        found = {(owner.get(k, -1), n) for i, n in owner.items() for k in self.items[i].inputs}
        return {(one, other) for one, other in found if one >= 0 and one != other}


def _periods(subject: Subject, groups: Sequence[Group], loose: bool = False) -> Sequence[Group]:
    """Stretches of groups that compute the same again and again, as one group each.

    ``loose``: only of single operations without a scope.
    """
    found: list[Group] = []
    for stretch in _stretches(groups, loose):
        found += stretch if len(stretch) < _LEAST_REPEATS else _repeats(subject, stretch)
    return found


def _stretches(groups: Sequence[Group], loose: bool) -> Iterator[list[Group]]:
    """Groups beside each other in one frame, and each other group on its own."""
    stretch: list[Group] = []
    for group in groups:
        fits = not group.instances and (not loose or (len(group.members) == 1 and not group.scope))
        if stretch and not (fits and group.around == stretch[0].around):
            yield stretch
            stretch = []
        if fits:
            stretch.append(group)
        else:
            yield [group]
    if stretch:
        yield stretch


def _repeats(subject: Subject, stretch: Sequence[Group]) -> Iterator[Group]:
    structure = _Structure(subject)
    covered = _coverage([structure.of(group.members) for group in stretch])
    start = 0
    while start < len(stretch):
        period, length = covered[start]
        starts = range(start, start + length, period or 1)
        pieces = list(_alike(structure, [_members(stretch[k : k + period]) for k in starts]))
        if len(pieces) >= _LEAST_REPEATS:
            yield Group((), stretch[0].around, tuple(i for p in pieces for i in p), tuple(pieces))
            start += period * len(pieces)
        else:
            yield stretch[start]
            start += 1


def _members(groups: Sequence[Group]) -> tuple[int, ...]:
    return tuple(i for group in groups for i in group.members)


def _coverage(kinds: Sequence[Hashable]) -> list[tuple[int, int]]:
    """For every place the period that covers most from there on, and how much; 0 where nothing repeats."""
    numbers: dict[Hashable, int] = {}
    ids = np.array([numbers.setdefault(kind, len(numbers)) for kind in kinds])
    best = np.zeros((2, len(ids)), "int64")
    for period in range(1, min(_LONGEST_PERIOD, len(ids) // _LEAST_REPEATS) + 1):
        same = np.append(ids[:-period] == ids[period:], np.zeros(period, bool))
        ends = np.where(same, len(ids), np.arange(len(ids)))
        run = np.minimum.accumulate(ends[::-1])[::-1] - np.arange(len(ids))
        count = 1 + run // period
        covered = np.where(count >= _LEAST_REPEATS, count * period, 0)
        better = covered > best[1]
        best[0, better], best[1, better] = period, covered[better]
    return [(int(period), int(length)) for period, length in best.T]


def _alike(structure: _Structure, pieces: Sequence[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    """The pieces up to the first that is not like the one before, or takes nothing from it."""
    for k, piece in enumerate(pieces):
        if k and structure.of(piece) != structure.of(pieces[k - 1]):
            return
        if k and not structure.between((pieces[k - 1], piece)):
            return
        yield piece


def _visits(subject: Subject, groups: Sequence[Group]) -> Sequence[Group]:
    """Groups that are a piece over and over, such as a cell that is called at every step, as its pieces."""
    structure = _Structure(subject)
    return [_visited(structure, group) if group.scope else group for group in groups]


def _visited(structure: _Structure, group: Group) -> Group:
    period = _smallest_period([structure.kinds[i] for i in group.members])
    if len(group.members) < _LEAST_REPEATS * period:
        return group
    pieces = [group.members[k : k + period] for k in range(0, len(group.members), period)]
    if len({structure.of(piece) for piece in pieces}) > 1:
        return group
    gives = structure.between(pieces)
    chained = all((n, n + 1) in gives for n in range(len(pieces) - 1))
    return replace(group, instances=tuple(pieces), beside=not chained) if chained or not gives else group


def _smallest_period(kinds: Sequence[Hashable]) -> int:
    """The length of the shortest piece that the whole is repeats of (Knuth, Morris and Pratt's border)."""
    border, matched = [0], 0
    for k in range(1, len(kinds)):
        while matched and kinds[k] != kinds[matched]:
            matched = border[matched - 1]
        matched += kinds[k] == kinds[matched]
        border.append(matched)
    period = len(kinds) - border[-1]
    return period if len(kinds) % period == 0 else len(kinds)


def _chains(subject: Subject, groups: Sequence[Group]) -> Sequence[Group]:
    """Groups of equal structure, one after the other, as one group each."""
    structure, near = _Structure(subject), _Neighbours(subject, groups)
    shapes = [None if g.instances else (bool(g.scope), structure.of(g.members)) for g in groups]
    taken = [False] * len(groups)
    found = []
    for k, group in enumerate(groups):
        if taken[k]:
            continue
        chain = [k]
        while (after := _next(groups, near, shapes, chain[-1])) is not None and not taken[after]:
            chain.append(after)
        for n in chain:
            taken[n] = True
        found.append(_together([groups[n] for n in chain]) if len(chain) > 1 else group)
    return found


def _next(groups: Sequence[Group], near: _Neighbours, shapes: Sequence[Hashable], k: int) -> int | None:
    """The one group that a group hands on to, if it is like it."""
    if shapes[k] is None or (len(groups[k].members) < 2 and not groups[k].scope):
        return None
    like = [n for n in near.after[k] if shapes[n] == shapes[k] and groups[n].around == groups[k].around]
    return like[0] if len(like) == 1 and len(near.after[k]) == 1 else None


def _rows(subject: Subject, groups: Sequence[Group]) -> Sequence[Group]:
    """Groups of equal structure side by side, between the same neighbours, as one group each."""
    structure, near = _Structure(subject), _Neighbours(subject, groups)
    rows: dict[Hashable, list[Group]] = {}
    for k, group in enumerate(groups):
        key: Hashable = k
        if near.before[k] and near.after[k] and not group.instances:
            shape = bool(group.scope), structure.of(group.members)
            key = shape, group.around, frozenset(near.before[k]), frozenset(near.after[k])
        rows.setdefault(key, []).append(group)
    return [
        replace(_together(row), beside=True) if len(row) >= _LEAST_REPEATS else group
        for row in rows.values()
        for group in (row[:1] if len(row) >= _LEAST_REPEATS else row)
    ]


def _together(groups: Sequence[Group]) -> Group:
    first, last = groups[0], groups[-1]
    members = tuple(i for group in groups for i in group.members)
    instances = tuple(group.members for group in groups)
    return replace(first, members=members, instances=instances, last=last.scope)


def _gathered(subject: Subject, groups: Sequence[Group]) -> Sequence[Group]:
    """What is computed outside all scopes, such as a loss that was taken apart, in one group where it hangs
    together and is much."""
    loose = {i for g in groups if not g.scope and not g.around and not g.instances for i in g.members}
    if all(not group.scope for group in groups):
        return groups
    pieces = [piece for piece in connected(subject, sorted(loose)) if len(piece) > _MOST_LOOSE]
    held = {i for piece in pieces for i in piece}
    return [*(g for g in groups if g.members[0] not in held), *(Group((), (), piece) for piece in pieces)]
