"""The page of a film: a slider over pictures of one layout, in one file that asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from importlib import resources

from graphdiff.draw import words
from graphdiff.draw.layout import inline_svg

UNTITLED = "Steps"

Frame = dict[int, str] | str


def page(title: str, names: Sequence[str], svgs: Sequence[bytes], seconds: float) -> str:
    """An HTML document of frames, each shown for so many seconds when it plays."""
    from jinja2 import Environment

    frames = [inline_svg(svg).replace('style="max-width:100%;height:auto" ', "", 1) for svg in svgs]
    film = {"first": frames[0], "frames": list(differences(frames)), "names": names, "seconds": seconds}
    style, script = _part("film.css"), _part("film.js")
    template = Environment(autoescape=True, keep_trailing_newline=True).from_string(_part("film.html.jinja"))
    return template.render(
        title=words.clean(title) or UNTITLED,
        name=names[0],
        last=len(frames) - 1,
        picture=frames[0],
        film=json.dumps(film, ensure_ascii=False).replace("<", "\\u003c"),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )


def differences(texts: Sequence[str]) -> Iterator[Frame]:
    """Each text as what differs from the first: the number of a token and what stands there; else whole."""
    first = tokens(texts[0])
    for text in texts:
        own = tokens(text)
        if len(own) == len(first):
            yield {n: new for n, (old, new) in enumerate(zip(first, own, strict=True)) if old != new}
        else:
            yield text


def tokens(svg: str) -> list[str]:
    """An SVG in pieces: values of attributes and texts alternate with what stands between them."""
    return re.split(r'("[^"]*"|>[^<]*<)', svg)


def _part(name: str) -> str:
    return resources.files("graphdiff.draw.film").joinpath("static", name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
