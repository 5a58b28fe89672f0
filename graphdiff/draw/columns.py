"""A long chain of boxes in columns, so that all of it stands on a page in letters that can be read.

Columns are cut between the outermost frames, where little leads from one side to the other; what does, goes
on at a joint: a circle with a letter, once at the foot of a column and once at the head of a later one.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphdiff.draw.modules import Box, Overview

_PAGE = 538, 785  # points of an A4 page without its margins
_READABLE = 0.75  # of the size of letters, which is 10 points
_GAIN = 1.2  # that columns are worth
_MOST_COLUMNS = 3
_MOST_JOINTS = 2  # from one column to others

# About so many points high or wide
_BOX, _LINE, _STRIP, _ROW, _LINK, _FRAME, _REST = 24, 26, 26, 19, 37, 50, 100
_ALONE, _BESIDE = 320, 260


def columns_of(overview: Overview) -> dict[str, int]:
    """The column of every box by its id; 0 for all where one column is readable or nothing can be cut."""
    units = _units(overview)
    cuts = _cuts(overview, units) if len(overview.stages) == 1 else ()
    return {box.id: sum(k >= cut for cut in cuts) for k, unit in enumerate(units) for box in unit}


def _units(overview: Overview) -> list[list[Box]]:
    """The boxes that stand together: those of one outermost frame, those between them, and the leaves that
    lead there first."""
    fed = {link.head for link in overview.links}
    boxes = [box for box in overview.boxes if box.id in fed or box.around] or overview.boxes
    names = [box.around[:1] or (box.id,) for box in boxes]
    last = {name: k for k, name in enumerate(names)}
    units: list[list[Box]] = []
    end = -1
    for k, (box, name) in enumerate(zip(boxes, names, strict=True)):
        if k > end:
            units.append([])
        units[-1].append(box)
        end = max(end, last[name])
    home = {box.id: unit for unit in units for box in unit}
    first = {link.tail: link.head for link in reversed(overview.links)}
    for box in overview.boxes:
        if box.id not in home:
            home.get(first.get(box.id, ""), units[0]).append(box)
    return units


@dataclass(frozen=True)
class _Size:
    """How wide a unit is, and how high each of its rows."""

    width: int
    rows: tuple[int, ...]


def _cuts(overview: Overview, units: Sequence[Sequence[Box]]) -> tuple[int, ...]:
    """Before which units a column ends, if that is worth it."""
    sizes = [_size(overview, unit) for unit in units]
    whole = _scale(sizes, ())
    if whole >= _READABLE:
        return ()
    places = [k for k in range(1, len(units)) if _joints(overview, units, k) <= _MOST_JOINTS]
    best = max(_choices(places), key=lambda cuts: _scale(sizes, cuts), default=())
    return best if _scale(sizes, best) > _GAIN * whole else ()


def _size(overview: Overview, unit: Sequence[Box]) -> _Size:
    row = dict.fromkeys((box.id for box in unit), 0)
    for box in unit:
        before = [row[link.tail] for link in overview.links if link.head == box.id and link.tail in row]
        row[box.id] = max(before, default=-1) + 1
    rows: dict[int, list[Box]] = defaultdict(list)
    for box in unit:
        rows[row[box.id]].append(box)
    most = max(map(len, rows.values()))
    heights = [max(map(_height, boxes)) for boxes in rows.values()]
    heights[0] += _FRAME * bool(unit[0].around)
    return _Size(_ALONE if most == 1 else _BESIDE * most, tuple(heights))


def _height(box: Box) -> int:
    return _BOX + _LINE * bool(box.parameters) + _STRIP * bool(box.repeat) + _ROW * len(box.rows) + _LINK


def _scale(sizes: Sequence[_Size], cuts: Sequence[int]) -> float:
    """By what columns must be made smaller to fit on a page, upright or across. The layout engine gives all
    columns the same rows."""
    columns = [sizes[start:end] for start, end in itertools.pairwise((0, *cuts, len(sizes)))]
    width = sum(max(size.width for size in column) for column in columns)
    rows = itertools.zip_longest(
        *([n for size in column for n in size.rows] for column in columns), fillvalue=0
    )
    height = sum(map(max, rows)) + _REST
    return min(1.0, max(min(a / width, b / height) for a, b in (_PAGE, _PAGE[::-1])))


def _choices(places: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for count in range(1, _MOST_COLUMNS):
        yield from itertools.combinations(places, count)


def _joints(overview: Overview, units: Sequence[Sequence[Box]], cut: int) -> int:
    """How many links lead over a cut."""
    before = {box.id for unit in units[:cut] for box in unit}
    return sum((link.tail in before) is not (link.head in before) for link in overview.links)
