"""What flows from box to box, and which arrows may be left out because others imply them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from graphdiff.draw.subject import Subject

_MOST_APART = 3  # tensors between two boxes shown one by one
_MOST_ARROWS = 30, 2  # at all, and for each box, before those that others imply are left out

Uses = list[tuple[int, int]]


@dataclass
class Flow:
    """From one box to another: tensors by number, and who uses each there: the user's number and argument."""

    tail: str
    head: str
    tensors: dict[int, Uses] = field(default_factory=dict)


def flows(
    subject: Subject,
    home: Mapping[int, str],
    bundles: Collection[str],
    is_drawn: Callable[[str, str], bool] = lambda tail, head: True,
) -> tuple[list[Flow], int, int]:
    """The flows between boxes, how many are left out because others imply them, and how many are not asked
    for.

    Args:
        home: the box of every operation and shown leaf.
        bundles: boxes that are several leaves, whose tensors are never shown one by one.
        is_drawn: whether flows from one box to another are asked for.
    """
    found: dict[tuple[str, str], Flow] = {}
    for i in range(len(subject.items)):
        tail = home.get(i)
        for user, argnum in subject.users[i] if tail is not None else ():
            head = home[user]
            if tail is not None and tail != head:
                flow = found.setdefault((tail, head), Flow(tail, head))
                flow.tensors.setdefault(i, []).append((user, argnum))
    every = len(found)
    found = {pair: flow for pair, flow in found.items() if is_drawn(*pair)}
    unasked = every - len(found)
    least, each = _MOST_ARROWS
    if len(found) > max(least, each * len(set(home.values()))):
        kept = _needed(found)
        return [found[pair] for pair in kept], len(found) - len(kept), unasked
    return [one for flow in found.values() for one in _apart(flow, bundles)], 0, unasked


def _apart(flow: Flow, bundles: Collection[str]) -> list[Flow]:
    """One flow for each of few tensors."""
    if len(flow.tensors) > _MOST_APART or flow.tail in bundles:
        return [flow]
    return [Flow(flow.tail, flow.head, {i: uses}) for i, uses in flow.tensors.items()]


def _needed(pairs: Collection[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The arrows that no longer way replaces (the transitive reduction of an acyclic graph)."""
    ahead: dict[str, list[str]] = {}
    for tail, head in pairs:
        ahead.setdefault(tail, []).append(head)
        ahead.setdefault(head, [])
    reach: dict[str, set[str]] = {}
    for name in reversed(_sorted(ahead)):
        reach[name] = set(ahead[name]).union(*(reach[n] for n in ahead[name]))
    return [(t, h) for t, h in pairs if not any(h in reach[other] for other in ahead[t])]


def _sorted(ahead: Mapping[str, Sequence[str]]) -> list[str]:
    waiting = dict.fromkeys(ahead, 0)
    for heads in ahead.values():
        for head in heads:
            waiting[head] += 1
    order = [name for name, n in waiting.items() if n == 0]
    for name in order:  # grows while it is read
        for head in ahead[name]:
            waiting[head] -= 1
            if waiting[head] == 0:
                order.append(head)
    return order
