"""Arrows between boxes: the shape of what flows, and the norm of the gradient that comes back."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphdiff.draw import markup, palette
from graphdiff.draw.chips import chip
from graphdiff.draw.columns import columns_of
from graphdiff.draw.modules import Link, Overview

if TYPE_CHECKING:
    import graphviz

_JOINT = {"shape": "circle", "fixedsize": "true", "width": "0.25", "fontsize": "11", "color": palette.NEUTRAL}
_STRAIGHT = "100"  # or a frame would be pulled together until it is narrower than the labels in it


class Arrows:
    """Writes the links of an overview; in panels each row is a layer, and dashed arrows lead across."""

    def __init__(self, dot: graphviz.Digraph, overview: Overview) -> None:
        self.dot = dot
        self.links = overview.links
        self.panels = len(overview.stages) > 1
        self.box = {box.id: box for box in overview.boxes}
        self.neighbours = {(one.id, other.id) for one, other in itertools.pairwise(overview.boxes)}
        self.column = columns_of(overview)
        self.feet: list[str] = []
        """The joints at which columns end."""
        self.outs = Counter(link.tail for link in self.links)
        self.ins = Counter(link.head for link in self.links)

    def write_skips(self) -> None:
        """The links that lead around boxes, which come before these: what is written first comes to stand on
        the left, where no other label is in its way."""
        for link in filter(self._skips, self.links):
            self._write(link)

    def write_others(self) -> None:
        for link in itertools.filterfalse(self._skips, self.links):
            self._write(link)

    def _skips(self, link: Link) -> bool:
        """Whether a link leads around boxes that lie between its ends, as a residual connection does."""
        apart = (link.tail, link.head) not in self.neighbours and not self.panels
        return apart and self.outs[link.tail] > 1 and self.ins[link.head] > 1

    def _write(self, link: Link) -> None:
        tail, head = self.box[link.tail], self.box[link.head]
        across = self.panels and tail.stage != head.stage
        flows = _flows(link)
        ends = link.tail, link.head
        most = 2 if (link.tail, link.head) in self.neighbours else 1
        if self.outs[link.tail] <= most and self.ins[link.head] <= most:
            flows["weight"] = _STRAIGHT
        if across:
            flows |= {"constraint": "false", "style": "dashed"}
        elif link.backward and self.panels:  # so that a row is a layer in every panel
            ends = link.head, link.tail
            flows["dir"] = "back"
        flows |= {"tooltip": markup.tip(link.text), "labeltooltip": " "}
        if self.column[link.tail] != self.column[link.head]:
            ends = self._joined(link, flows)
        self.dot.edge(*ends, label=None if across else self._label(link), id=link.id, **flows)

    def _joined(self, link: Link, flows: Mapping[str, str]) -> tuple[str, str]:
        """Write the second part of a link to another column, from a joint at its head, and say how the first
        one leads to the joint at the foot of its own."""
        number = len(self.feet)
        letter, foot, head = chr(ord("A") + number), f"j{number}", f"j{number}_on"
        self.feet.append(foot)
        for joint in (foot, head):
            self.dot.node(joint, label=letter, tooltip=f"goes on at {letter}", id=joint, **_JOINT)
        top = next(box.id for box in self.box.values() if self.column[box.id] == 0)
        if not self.box[top].around:  # columns stand from left to right, and begin at one height
            row = markup.same_rank()
            row.edge(top, head)
            self.dot.subgraph(row)
        self.dot.edge(head, link.head, id=f"{link.id}_on", **flows)
        return link.tail, foot

    def _label(self, link: Link) -> str | None:
        """A label a little away from its arrow; it hides the border of a frame that it may lie on."""
        cells = _cells(link)
        around, other = self.box[link.tail].around, self.box[link.head].around
        paper = {"BGCOLOR": palette.CLUSTER_FILL} if around != other and around[:1] == other[:1] else {}
        row = markup.row(markup.cell(WIDTH=6), *cells)
        return markup.label(markup.table(row, CELLSPACING=2, CELLPADDING=1, **paper)) if cells else None


def _flows(link: Link) -> dict[str, str]:
    """The colours of an arrow: ahead, and of the gradient that comes back where that is known."""
    ahead = palette.GRADIENT if link.backward else palette.VALUE
    if link.gradient is None or link.gradient.state != "known":
        return {"color": ahead}
    back = palette.of_line(palette.of_norm(link.gradient.value))
    return {"color": f"{ahead}:{back}", "dir": "both", "arrowhead": "normal", "arrowtail": "normal"}


def _cells(link: Link) -> list[str]:
    ahead = palette.GRADIENT if link.backward else palette.VALUE
    cells = [markup.cell(markup.font(link.text, ahead, 10), ALIGN="LEFT")] if link.text else []
    if link.gradient is not None:
        cells += [markup.cell(WIDTH=1)] * bool(cells)
        cells.append(chip(link.gradient, "‖∇‖ "))
    return cells
