"""Where NaN or infinity begins: named in a heading, and marked at the box, or at the operation and its wire.

Marks are words and thick lines beside the colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphdiff.diagnose.first_bad import Bad, called
from graphdiff.draw import palette
from graphdiff.draw.modules import Box
from graphdiff.draw.subject import Array, Item, Subject


def told(bad: Bad) -> str:
    """The first bad node in a few words, for a heading."""
    node = bad.origin or bad.node
    scope = f" in {node.scope}" if node.scope and not node.name else ""
    return f"first bad {_what(bad)}: {bad.kind}, {called(node)}{scope}"


def _what(bad: Bad) -> str:
    return "gradient" if bad.node.role == "backward" else "value"


def marked(box: Box, items: Sequence[Item], bad: Bad) -> Box:
    """The box, with a mark if the bad node is in it."""
    inside = {items[i].node.id for i in box.members} | {
        items[k].node.id for i in box.members for k in items[i].inputs if items[k].node.role == "parameter"
    }
    if (bad.origin or bad.node).id not in inside:
        return box
    mark = f"{bad.kind} {_what(bad)} begins here: {bad.why}"
    return replace(box, rows=(*box.rows, mark), color=palette.NOT_FINITE)


@dataclass(frozen=True)
class Spot:
    """Where it begins in a circuit.

    Attributes:
        item: the number of the operation or leaf; −1 where it is not in the picture.
        back: what the operation passes back is bad, else what it gives.
    """

    item: int = -1
    back: bool = False

    def is_on(self, tail: int, head: str, gradient: Array | None) -> bool:
        """Whether a wire from an item to a node carries the first bad numbers."""
        if not self.back:
            return tail == self.item
        return head == f"n{self.item}" and _is_bad(gradient)


def spot_of(bad: Bad | None, subject: Subject) -> Spot:
    """Where the bad node is in a subject; of an unfolded composite, the first bad part of it."""
    place = {item.node.id: i for i, item in enumerate(subject.items)}
    if bad is None:
        return Spot()
    if bad.node.id in place:
        return Spot(place[bad.node.id])
    if bad.origin is not None:
        return Spot(place.get(bad.origin.id, -1), back=True)
    whole = {number for number, item in (subject.clusters or {}).items() if item.node.id == bad.node.id}
    parts = (i for i, item in enumerate(subject.items) if whole & {*item.inside} and _is_bad(item.value))
    return Spot(next(parts, -1))


def _is_bad(values: Array | None) -> bool:
    return values is not None and values.dtype.kind == "f" and not np.isfinite(values).all()
