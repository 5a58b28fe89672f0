"""Everything on the paths between two places, and leaves left out: parts of what could be drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Literal, get_args

from graphdiff.arguments import check_choice, entries, shown
from graphdiff.draw import words
from graphdiff.draw.scopes import fits, unknown
from graphdiff.draw.subject import Item, Subject
from graphdiff.errors import ArgumentError

Leaves = Literal["constants", "parameters"]


def on_paths(subject: Subject, ends: tuple[str, str]) -> Subject:
    """The operations on the paths from one place to another, and the leaves that they use. Data that they
    take from elsewhere becomes a leaf.

    Args:
        ends: names of tensors, or scopes as in ``fold``, where the paths start and end.

    Raises:
        ArgumentError: a name that nothing has, or two places that no path connects.
    """
    if not isinstance(ends, (tuple, list)) or [type(end) for end in ends] != [str, str]:
        raise ArgumentError(f"between={shown(ends)} names no two ends", fix='give between=("x", "loss")')
    start, end = (_places(subject, name) for name in ends)
    on = _downstream(subject, start) & _upstream(subject, end)
    if not any(subject.items[i].node.primitive for i in on):
        raise ArgumentError(
            f"no path leads from {ends[0]!r} to {ends[1]!r}", fix="name the place nearer to the input first"
        )
    own = _of_parameters(subject)
    used = {k for i in on for k in subject.items[i].inputs}
    used |= _upstream(subject, used & own)
    last = [i for i in sorted(end & on) if not any(user in on for user, _ in subject.users[i])]
    labels = dict(subject.outputs)
    outputs = [(i, labels.get(i) or subject.items[i].node.name or "output") for i in last]
    return _kept(subject, on | used, used - on - own, outputs)


def without(subject: Subject, hidden: Collection[str]) -> Subject:
    """The subject without some leaves, which operations then have no wire or box for.

    Raises:
        ArgumentError: anything but "constants" and "parameters".
    """
    names = entries("hide", hidden)
    for what in names:
        check_choice("hide", what, get_args(Leaves))
    return replace(subject, hidden=frozenset(what.removesuffix("s") for what in names))


def _places(subject: Subject, name: str) -> set[int]:
    found = {
        i
        for i, item in enumerate(subject.items)
        if item.node.name == name or (item.node.primitive is not None and _lies_in(item.node.scope, name))
    }
    found |= {i for i, label in subject.outputs if label == name}
    if not found:
        nodes = [item.node for item in subject.items]
        there = [text for node in nodes for text in (node.name, *_around(node.scope)) if text]
        raise unknown(name, there, "tensor or scope")
    return found


def _lies_in(scope: str, pattern: str) -> bool:
    return any(fits(path, pattern) for path in _around(scope))


def _around(scope: str) -> list[str]:
    """``a.b.c`` and what is around it: ``a``, ``a.b``."""
    parts = scope.split(".") if scope else []
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _of_parameters(subject: Subject) -> set[int]:
    """What depends on parameters and numbers alone, such as a transposed weight, and so is no data."""
    found: set[int] = set()
    for i, item in enumerate(subject.items):
        node = item.node
        number = node.role == "constant" and node.spec.size == 1
        own = node.role == "parameter" or number if node.primitive is None else found.issuperset(item.inputs)
        if own:
            found.add(i)
    return found


def _downstream(subject: Subject, start: Iterable[int]) -> set[int]:
    found = set(start)
    for i, item in enumerate(subject.items):  # operands come first
        if not found.isdisjoint(item.inputs):
            found.add(i)
    return found


def _upstream(subject: Subject, end: Iterable[int]) -> set[int]:
    found = set(end)
    for i in range(len(subject.items) - 1, -1, -1):
        if i in found:
            found.update(subject.items[i].inputs)
    return found


def _kept(
    subject: Subject, kept: Collection[int], cut: Collection[int], outputs: list[tuple[int, str]]
) -> Subject:
    """Some of the nodes; those that are cut off lose what computed them."""
    order = sorted(kept)
    place = {i: k for k, i in enumerate(order)}
    items = []
    for i in order:
        item = subject.items[i]
        if i in cut and item.node.primitive is not None:
            node = replace(item.node, primitive=None, inputs=(), name=_called(item))
            items.append(replace(item, node=node, inputs=(), inside=()))
        else:
            items.append(replace(item, inputs=tuple(place[k] for k in item.inputs)))
    labels = {k: words.clean(item.node.name) for k, item in enumerate(items) if item.node.primitive is None}
    return replace(subject, items=items, outputs=[(place[i], label) for i, label in outputs], labels=labels)


def _called(item: Item) -> str:
    """The name of a value, else the scope or the operation that it comes from."""
    node = item.node
    return node.name or node.scope or (node.primitive.name if node.primitive else node.role)
