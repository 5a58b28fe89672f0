"""Two overviews as one: their boxes matched, what differs marked.

Boxes are matched by the scopes around them and by their titles, in order. Every mark is a row of text in its
box, beside the colour. Numbers read ``before → after (× ratio)``.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from graphdiff.draw import words
from graphdiff.draw.modules import Box, Change, Link, Norm, Overview
from graphdiff.draw.subject import Item
from graphdiff.graph import TensorSpec

_COLORS: dict[Change, str] = {"added": "#D9F0DE", "removed": "#F6DADA", "changed": "#FFF0C2"}
_TOLD = 1.01  # a ratio of norms that is printed
_LARGE = 2.0  # one that makes a box count as changed
_RESULT = re.compile(r" = (\S+)$")  # the value in what a result box does


def compared(old: Overview, new: Overview) -> Overview:
    """The boxes and links of both views, with marks for what differs."""
    return _Comparison(old, new).run()


class _Comparison:
    def __init__(self, old: Overview, new: Overview) -> None:
        self.old, self.new = old, new
        self.boxes: list[Box] = []
        self.home: dict[str, str] = {}
        """Where the boxes of the old one are in the picture."""
        self.counts = dict.fromkeys(_COLORS, 0)

    def run(self) -> Overview:
        for old, new in _matched(self.old.boxes, self.new.boxes):
            self._add(old, new)
        links = [replace(link, id=f"e{n}") for n, link in enumerate(self._links())]
        return Overview(self.new.subject, self.boxes, links, self._facts(), self.new.stages, True)

    def _add(self, old: Box | None, new: Box | None) -> None:
        if old is None:
            assert new is not None
            self._mark(new, "added", ["+ added"])
        elif new is None:
            self.home[old.id] = f"old_{old.id}"
            beside = self.home.get(old.beside, "")
            gone = replace(old, id=f"old_{old.id}", members=(), rows=(), beside=beside)
            self._mark(gone, "removed", ["− removed"])
        else:
            self.home[old.id] = new.id
            large, small = self._changes(old, new)
            if large:
                self._mark(new, "changed", [f"~ {row}" for row in large] + small)
            else:
                self.boxes.append(replace(new, rows=(*new.rows, *small)))

    def _mark(self, box: Box, change: Change, rows: Sequence[str]) -> None:
        self.counts[change] += 1
        self.boxes.append(replace(box, rows=(*box.rows, *rows), color=_COLORS[change], change=change))

    def _changes(self, old: Box, new: Box) -> tuple[list[str], list[str]]:
        """The rows for changes that count, and for those that are small."""
        large = [*_structural(old, new)]
        was, now = _output(old, self.old), _output(new, self.new)
        if was and now and was.node.spec is not now.node.spec:
            large.append(_specs(was.node.spec, now.node.spec))
        small: list[str] = []
        out = _ratio("‖out‖", _length(was), _length(now))
        for row, ratio in (out, _ratio("‖∇W‖", old.gradient, new.gradient)):
            if row:
                (large if ratio >= _LARGE else small).append(row)
        return large, small

    def _links(self) -> Iterator[Link]:
        old: dict[tuple[str, str], list[Link]] = {}
        for link in self.old.links:
            ends = self.home[link.tail], self.home[link.head]
            old.setdefault(ends, []).append(replace(link, tail=ends[0], head=ends[1]))
        for link in self.new.links:
            known = old.get((link.tail, link.head))
            if not known:
                yield replace(link, text=f"+ {link.text}")
            elif (was := known.pop(0).text) != link.text:
                yield replace(link, text=f"{was} → {link.text}")
            else:
                yield link
        for gone in old.values():
            yield from (replace(x, text=f"− {x.text}", gradient=None, tensors=()) for x in gone)

    def _facts(self) -> list[str]:
        found = [f"{words.plural(n, 'box')} {what}" for what, n in self.counts.items() if n]
        return [*(found or ["no box added, removed or changed"]), "numbers: before → after"]


def _matched(old: Sequence[Box], new: Sequence[Box]) -> Iterator[tuple[Box | None, Box | None]]:
    """The boxes of both in one order, those that are the same in pairs."""
    a, b = ([_key(box) for box in boxes] for boxes in (old, new))
    matcher = difflib.SequenceMatcher(a=a, b=b, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(old[start:end], new[first:last], strict=True)
        else:
            yield from ((box, None) for box in old[start:end])
            yield from ((None, box) for box in new[first:last])


def _key(box: Box) -> tuple[object, ...]:
    """What a box is recognised by: a row of repeats by its first piece, results by being one."""
    title = re.sub(r" \(\d+\)$", "", box.title)
    return box.stage, box.around, title.partition(" … ")[0] if box.repeat else title, box.fill


def _structural(old: Box, new: Box) -> Iterator[str]:
    kinds = [_RESULT.sub("", box.kind) for box in (old, new)]
    if kinds[0] != kinds[1]:
        yield f"was {kinds[0] or 'nothing'}"
    counts = [box.repeat.count if box.repeat else 1 for box in (old, new)]
    if counts[0] != counts[1]:
        yield f"× {counts[0]} → × {counts[1]}"
    if old.parameters != new.parameters:
        yield f"{words.count(old.parameters)} → {words.count(new.parameters)} params"


def _output(box: Box, view: Overview) -> Item | None:
    """What a box gives on."""
    return view.subject.items[box.members[-1]] if box.members else None


def _specs(old: TensorSpec, new: TensorSpec) -> str:
    if old.dtype == new.dtype:
        return f"{words.shape(old.shape)} → {words.shape(new.shape)}"
    return f"{words.spec(old)} → {words.spec(new)}"


def _length(item: Item | None) -> Norm:
    value = None if item is None else item.value
    if value is None or value.dtype.kind not in "fiu":
        return Norm("none")
    return Norm("known", words.length_of(value))


def _ratio(name: str, old: Norm | None, new: Norm | None) -> tuple[str, float]:
    """How a norm changed, as a row of text and as a factor of at least 1; "" where it did not."""
    if old is None or new is None or old.state != "known" or new.state != "known":
        return "", 1.0
    a, b = old.value, new.value
    if a == b or (math.isnan(a) and math.isnan(b)):
        return "", 1.0
    row = f"{name} {words.exact(a, 3)} → {words.exact(b, 3)}"
    if not (math.isfinite(a) and math.isfinite(b)) or not a or not b:
        return row, math.inf
    factor = max(a / b, b / a)
    return (f"{row} (× {words.exact(b / a, 3)})", factor) if factor >= _TOLD else ("", 1.0)
