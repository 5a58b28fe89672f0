"""The text of a page: template, style, script, picture and data in one."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import re
from importlib import resources
from typing import Any

from graphdiff.diagnose.numbers import Numbers
from graphdiff.draw import palette, words
from graphdiff.draw.circuit import Circuit
from graphdiff.draw.modules import Overview
from graphdiff.draw.page.boxes import boxes_of
from graphdiff.draw.page.gather import nodes_of
from graphdiff.draw.page.scopes import panels_of, tree_of
from graphdiff.draw.page.views import View, views_of
from graphdiff.draw.picture import TIMEOUT, Picture

SCRIPTS = (
    "words",
    "graph",
    "units",
    "layout",
    "scene",
    "paint",
    "module",
    "circuit",
    "camera",
    "details",
    "search",
    "trace",
    "steps",
    "main",
)
"""The script's parts, in the order in which they stand in the page."""

UNTITLED = "Graph"
_NOTHING = '<svg width="1pt" height="1pt" viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg"></svg>'


def page(picture: Picture, timeout: float = TIMEOUT) -> str:
    """The page of a picture, as an HTML document.

    Where no layout engine is there, or none could lay out the picture, the page shows boxes that it lays out
    itself, and there is no picture without JavaScript.

    Args:
        timeout: the seconds that each layout may take.

    Raises:
        DrawingError: a picture that shows neither a circuit nor scopes.
    """
    views = views_of(picture, timeout)
    title = words.clean(picture.title) or UNTITLED
    style, script = _part("page.css"), _script()
    return str(
        _template().render(
            title=title,
            picture=_inline(views[0].svg),
            drawn=bool(views[0].svg),
            data=_packed(
                {"title": title, "views": [_data(view, n, picture.numbers) for n, view in enumerate(views)]}
            ),
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
        )
    )


def _data(view: View, number: int, numbers: Numbers | None) -> dict[str, Any]:
    """All that the script needs of a view; the first one's picture stands in the page already."""
    shown, svg = view
    if isinstance(shown, Overview) and shown.compared:
        return {"svg": "", **boxes_of(shown)}
    subject = shown.subject
    boxes = shown.boxes if isinstance(shown, Overview) else []
    ends = shown.leaves if isinstance(shown, Circuit) else []
    panels = shown if isinstance(shown, Overview) and len(shown.stages) > 1 else None
    titles = {box.members[-1]: box.title for box in boxes if box.fill == "result" and box.members}
    of = next((titles[i] for i, label in subject.outputs if label == subject.of and i in titles), subject.of)
    return {
        "kind": "circuit" if isinstance(shown, Circuit) and svg else "module",
        "svg": _inline(svg) if number else "",
        "of": of,
        "hidden": sorted(subject.hidden),
        "scale": list(palette.SCALE),
        "notFinite": palette.NOT_FINITE,
        "much": palette.MUCH,
        "nodes": nodes_of(subject, numbers),
        "results": [[i, titles.get(i, label)] for i, label in subject.outputs if i in titles or not panels],
        "tree": (panels_of(panels) if panels else tree_of(subject)).json(subject),
        "leaves": [
            *([box.members, box.title, box.kind] for box in boxes if box.id.startswith("n")),
            *([[int(end.id[1:])], end.text, ""] for end in ends),
        ],
    }


def _packed(data: dict[str, Any]) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), mtime=0)).decode()


def _inline(svg: str) -> str:
    """The ``<svg>`` element of a document, without the comments, which name the Graphviz version."""
    svg = svg or _NOTHING
    element = re.sub(r"<!--.*?-->\n?", "", svg[svg.index("<svg") :], flags=re.DOTALL).strip()
    return element.replace("<svg ", '<svg id="picture" role="img" ', 1)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _script() -> str:
    parts = [_part(f"{name}.js").strip() for name in SCRIPTS]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();"])


@functools.cache
def _part(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


@functools.cache
def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(_part("page.html.jinja"))
