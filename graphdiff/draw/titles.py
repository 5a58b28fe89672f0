"""What boxes are called: by their scopes, else by what they do, each differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphdiff.draw import words
from graphdiff.draw.bands import name_of
from graphdiff.draw.folding import Group
from graphdiff.draw.kinds import counted, kinds, listing
from graphdiff.draw.modules import Box
from graphdiff.draw.scopes import parts
from graphdiff.draw.subject import Item, Subject

TITLE_LENGTH = 28
_MOST_TOLD = 6  # operations without a scope that are told by their kinds


def title_of(group: Group, subject: Subject) -> tuple[str, str]:
    """The title of a group, and what it does."""
    piece = group.instances[0] if group.instances else group.members
    if group.scope:
        name = group.scope[-1]
        if group.last and group.last != group.scope:
            name = f"{name} … {group.last[-1]}"
        return name, kinds(piece, subject)
    if len(piece) > 1:
        return _of_several(group, piece, subject)
    node = subject.items[piece[0]].node
    assert node.primitive is not None
    name, symbol = node.primitive.name, words.clean(node.primitive.symbol)
    return node.name or name, name if node.name else symbol if symbol != name else ""


def _of_several(group: Group, piece: Sequence[int], subject: Subject) -> tuple[str, str]:
    """What several operations outside a scope are called: the scopes inside, or what they do, or how many
    they are."""
    items = subject.items
    if not group.band and (scopes := _scopes_inside(group, piece, items)):
        return scopes, kinds(piece, subject)
    names = [p.name for i in piece if (p := items[i].node.primitive)]
    if group.band:
        return name_of(group.band), counted(names)
    if len(piece) > _MOST_TOLD:
        return f"{len(piece):,} operations", counted(names)
    told = kinds(piece, subject)
    return (told, "") if len(told) <= TITLE_LENGTH else (f"{len(piece)} operations", told)


def _scopes_inside(group: Group, piece: Sequence[int], items: Sequence[Item]) -> str:
    depth = len(group.around)
    paths = [parts(items[i].node.scope) for i in piece]
    names = list(dict.fromkeys(path[depth] for path in paths if len(path) > depth))
    last = parts(items[group.members[-1]].node.scope)[depth:]
    if last and last[0] not in names:
        return f"{names[0]} … {last[0]}" if names else ""
    return listing(names)


def tooltip_of(group: Group, items: Sequence[Item]) -> str:
    """Where a group is, what it computes, and the user's line."""
    nodes = [items[i].node for i in group.members]
    where = ".".join(group.scope or group.around)
    names = [node.primitive.name for node in nodes if node.primitive]
    what = f"{words.plural(len(nodes), 'operation')}: {listing(names, ', ', 8)}"
    source = nodes[-1].source.replace("\\", "/").rpartition("/")[2]
    return " · ".join(filter(None, (where, what, source)))


def valued(item: Item) -> str:
    """``= 2.31`` for a known number, else nothing."""
    if item.value is None or item.value.size != 1:
        return ""
    return f" = {words.exact(np.ravel(item.value)[0], 4)}"


def unframed(boxes: Sequence[Box]) -> list[Box]:
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


def told_apart(boxes: Sequence[Box]) -> list[Box]:
    """The boxes, numbered where several would read the same."""
    alike: dict[tuple[object, ...], list[Box]] = {}
    for box in boxes:
        alike.setdefault((box.around, box.title, box.kind), []).append(box)
    number = {box.id: n for same in alike.values() if len(same) > 1 for n, box in enumerate(same, 1)}
    return [replace(b, title=f"{b.title} ({number[b.id]})") if b.id in number else b for b in boxes]
