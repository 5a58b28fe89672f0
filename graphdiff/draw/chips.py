"""The norm of a gradient on its colour, as a cell of a table."""

from __future__ import annotations

from graphdiff.draw import markup, palette, words
from graphdiff.draw.modules import Norm


def chip(gradient: Norm, prefix: str = "") -> str:
    """The norm on its colour. Zero, not yet and none are no colours but words, on grey or in a frame."""
    if gradient.state != "known":
        text = "no backward yet" if gradient.state == "not yet" else "no gradient here"
        return markup.cell(markup.font(text, palette.GREY, 10), BGCOLOR=palette.EMPTY)
    fill = palette.of_norm(gradient.value)
    text = markup.font(prefix + words.norm(gradient.value), palette.on(fill), 10)
    if gradient.value == 0:
        return markup.cell(text, BGCOLOR=fill, BORDER=1, COLOR=palette.NEUTRAL)
    return markup.cell(text, BGCOLOR=fill)
