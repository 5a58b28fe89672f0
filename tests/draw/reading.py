"""Reading DOT text back: what is written on the wires, in the circles and on the boxes."""

from __future__ import annotations

import html
import math
import re

import pytest

from graphdiff.draw import layout

needs_engine = pytest.mark.skipif(layout.available() is None, reason="no layout engine is installed")

_NODE = re.compile(r"^\s*(\w+) \[(.*)\]$", re.MULTILINE)
_CELL = re.compile(r"<TD[^>]*>(.*?)</TD>")


def nodes(dot: str) -> dict[str, str]:
    """Every node and its attributes, in the order of the text."""
    return {name: rest for name, rest in _NODE.findall(dot) if name not in ("graph", "node", "edge")}


def text(markup: str) -> str:
    """What a reader sees of a label, without the padding."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).replace("\N{NO-BREAK SPACE}", " ").strip()


def wires(dot: str) -> dict[str, tuple[str, str]]:
    """The texts above and below every wire, in topological order."""
    found = {}
    for name, rest in nodes(dot).items():
        if name.startswith("w"):
            above, below = rest.split("<HR/>")
            found[name] = text(_CELL.findall(above)[0]), text(_CELL.findall(below)[0])
    return dict(sorted(found.items(), key=lambda wire: [int(n) for n in wire[0][1:].split("_")]))


def labels(dot: str) -> dict[str, str]:
    """The visible text of every node that is no wire."""
    found = {}
    for name, rest in nodes(dot).items():
        match = re.search(r"label=<(.*)> (?:\w+=|\])", rest + " ]") if not name.startswith("w") else None
        if match:
            found[name] = " ".join(text(match[1].replace("</TD>", " ")).split())
    return found


def number(text: str) -> float:
    """The number that a text shows; NaN for a truth, and where there is none."""
    return math.nan if text in ("—", "true", "false") else float(text.replace("−", "-").replace("∞", "inf"))


def heading(dot: str) -> str:
    """The graph's own label: title, facts and legend."""
    return text(re.search(r"^\s*(?:graph \[)?label=<(.*)> label", dot, re.MULTILINE)[1].replace("</TD>", " "))


def edges(dot: str) -> list[tuple[str, str]]:
    """All visible edges."""
    lines = re.findall(r"^\s*(\w+)(?::\w+)? -> (\w+)(?::\w+)?(.*)$", dot, re.MULTILINE)
    return [(tail, head) for tail, head, rest in lines if "style=invis" not in rest]
