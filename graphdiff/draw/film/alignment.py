"""One layout for all frames: a cell is as wide in every frame as the widest of its texts, a row that one
frame adds to a box is empty in the others, and the legend explains all states that occur in any.

The layout engine sees nothing of a label but its size, and so puts everything in the same place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import reduce

from graphdiff.draw.circuit_dot import WIDTH
from graphdiff.draw.markup import BLANK

_CELL = re.compile(r"<TD([^>]*)>((?:<(?!TD|TABLE|/TD)[^>]*>|[^<])*)</TD>")
_LAST_ROWS = re.compile(r"((?:<TR><TD[^>]*>(?:<(?!TD|TABLE|/TD)[^>]*>|[^<])*</TD></TR>)*)</TABLE>>")
_FIXED = re.compile(r"^(.*<TD.*)fixedsize=shape height=\S+( id=\S+) margin=0 shape=none(.*) width=\S+\]$")
_LEGEND = "\tlegend "  # as DOT text has it
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_SIZE = re.compile(r'POINT-SIZE="([\d.]+)"')
_EM = 0.6  # of a point size: texts of digits, signs and norms are no wider per character
_PADDING = 6  # points, more than any cell has
_DEFAULT_SIZE = 14.0  # what Graphviz takes


def aligned(dots: Sequence[str]) -> list[str]:
    """DOT texts of one graph whose cells are equally wide; those of different graphs as they are."""
    frames = [dot.split("\n") for dot in dots]
    if len(set(map(len, frames))) > 1:
        return list(dots)
    statements = [_statement(alike) for alike in zip(*frames, strict=True)]
    return ["\n".join(lines) for lines in zip(*statements, strict=True)]


def _statement(alike: Sequence[str]) -> Sequence[str]:
    """One line of every frame, the cells in it equally wide where there are as many in all."""
    if len(set(alike)) == 1:
        return alike
    alike = _explaining(alike) if alike[0].startswith(_LEGEND) else _padded(alike)
    cells = [_CELL.findall(line) for line in alike]
    if len(set(map(len, cells))) > 1 or not cells[0]:
        return alike
    merged = [_merged(same) for same in zip(*cells, strict=True)]
    return [_widened(line, iter(merged)) for line in alike]


def _explaining(legends: Sequence[str]) -> Sequence[str]:
    """One legend for all, of the states that occur in any."""
    rows = [legend.rpartition("<TR>")[2].partition("</TR>")[0] for legend in legends]
    whole = reduce(_together, ([match[0] for match in _CELL.finditer(row)] for row in rows))
    return [legends[0].replace(rows[0], "".join(whole))] * len(legends)


def _together(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """A sequence that holds both."""
    found: list[str] = []
    for tag, start, end, first, last in SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        found += [*one[start:end], *(other[first:last] if tag != "equal" else ())]
    return found


def _padded(labels: Sequence[str]) -> Sequence[str]:
    """Tables of equally many rows: those at the end of the longest are empty in the others."""
    counts = [len(_CELL.findall(label)) for label in labels]
    longest = _LAST_ROWS.search(labels[counts.index(max(counts))])
    rows = re.findall("<TR>.*?</TR>", longest[1]) if longest else []
    empty = [re.sub(">[^<]+<", f">{BLANK}<", row) for row in rows]
    return [
        label.replace("</TABLE>>", "".join(empty[len(empty) - max(counts) + count :]) + "</TABLE>>")
        if 0 < max(counts) - count <= len(empty)
        else label
        for label, count in zip(labels, counts, strict=True)
    ]


def _widened(line: str, needed: Iterator[dict[str, str]]) -> str:
    filled = _CELL.sub(lambda match: _filled(match, next(needed)), line)
    return _FIXED.sub(_grown, filled)


def _grown(match: re.Match[str]) -> str:
    """A wire whose size was given for the least table takes that of a wider one."""
    widest = max(int(width) for width in re.findall(r'WIDTH="(\d+)"', match[0]))
    return f"{match[1]}shape=plain{match[2]}{match[3]}]" if widest > WIDTH else match[0]


def _merged(alike: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The attributes that the cells in one place need to be equally large."""
    if len(set(alike)) == 1:
        return {}
    widths = [int(width) for attributes, _ in alike for width in re.findall(r'WIDTH="(\d+)"', attributes)]
    found = {"WIDTH": str(max(*widths, *(_width(content) for _, content in alike), 0))}
    if any("BORDER=" in attributes for attributes, _ in alike):
        found["BORDER"] = "1"
    return found


def _width(content: str) -> int:
    """At least as many points as a text is wide."""
    sizes = [float(size) for size in _SIZE.findall(content)]
    text = re.sub(r"<[^>]*>", "", content)
    length = len(re.sub(r"&[#\w]+;", "x", text))
    return round(length * _EM * max(sizes, default=_DEFAULT_SIZE)) + _PADDING


def _filled(match: re.Match[str], needed: dict[str, str]) -> str:
    own = dict(_ATTRIBUTE.findall(match[1]))
    if "BORDER" in needed and "BORDER" not in own:
        own["COLOR"] = own.get("BGCOLOR", "white")
    attributes = "".join(f' {name}="{value}"' for name, value in {**own, **needed}.items())
    return f"<TD{attributes}>{match[2]}</TD>"
