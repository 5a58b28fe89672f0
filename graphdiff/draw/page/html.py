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

from graphdiff.draw import palette, words
from graphdiff.draw.circuit import Circuit
from graphdiff.draw.modules import Overview
from graphdiff.draw.page.gather import nodes_of
from graphdiff.draw.page.scopes import tree_of
from graphdiff.errors import DrawingError

SCRIPTS = (
    "model",
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


def page(view: Circuit | Overview | None, svg: str, title: str = "") -> str:
    """The page of a picture.

    Args:
        view: what the picture shows.
        svg: the picture, as an SVG document.
        title: a heading.

    Returns:
        An HTML document.

    Raises:
        DrawingError: a picture that shows neither a circuit nor scopes.
    """
    if not isinstance(view, (Circuit, Overview)):
        raise DrawingError(
            f"a picture of {type(view).__name__} has no page",
            fix="draw it in the style 'circuit', 'tensor' or 'overview'",
        )
    style, script = _part("page.css"), _script()
    return str(
        _template().render(
            title=words.clean(title) or UNTITLED,
            facts=view.facts if isinstance(view, Overview) else [],
            picture=_inline(svg),
            data=_packed(_data(view, title)),
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
        )
    )


def _data(view: Circuit | Overview, title: str) -> dict[str, Any]:
    subject = view.subject
    boxes = view.boxes if isinstance(view, Overview) else []
    titles = {box.members[-1]: box.title for box in boxes if box.fill == "result" and box.members}
    of = next((titles[i] for i, label in subject.outputs if label == subject.of and i in titles), subject.of)
    return {
        "title": words.clean(title) or UNTITLED,
        "kind": "circuit" if isinstance(view, Circuit) else "module",
        "show": subject.show,
        "of": of,
        "scale": list(palette.SCALE),
        "notFinite": palette.NOT_FINITE,
        "nodes": nodes_of(subject),
        "results": [[i, titles.get(i, label)] for i, label in subject.outputs],
        "tree": tree_of(subject).json(subject),
        "leaves": [[box.members, box.title, box.kind] for box in boxes if box.id.startswith("n")],
    }


def _packed(data: dict[str, Any]) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), mtime=0)).decode()


def _inline(svg: str) -> str:
    """The ``<svg>`` element of a document, without the comments, which name the Graphviz version."""
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
