"""What a page shows: the picture as it was laid out, and a circuit with its composites taken apart too."""

from __future__ import annotations

from typing import NamedTuple

from graphdiff.draw import layout
from graphdiff.draw.circuit import Circuit, circuit_of
from graphdiff.draw.circuit_dot import circuit_dot
from graphdiff.draw.modules import Overview
from graphdiff.draw.picture import Picture
from graphdiff.draw.tidying import tidied
from graphdiff.draw.unfolding import unfold
from graphdiff.errors import DrawingError
from graphdiff.primitive import Composite


class View(NamedTuple):
    """What is shown, and the SVG of it; "" where nothing could lay it out."""

    shown: Circuit | Overview
    svg: str


def views_of(picture: Picture, timeout: float) -> list[View]:
    """The picture, and after it what can be unfolded only by a layout engine.

    Raises:
        DrawingError: a picture that shows neither a circuit nor scopes, or one of two graphs that no layout
            engine lays out.
    """
    try:
        svg = picture.laid_out("svg", timeout=timeout).decode()
    except DrawingError:
        if isinstance(picture.view, Overview) and picture.view.compared:  # which the page cannot lay out
            raise
        svg = ""
    while picture.instead is not None:
        picture = picture.instead
    if not isinstance(picture.view, (Circuit, Overview)):
        raise DrawingError(
            "only circuits and boxes have a page",
            fix="draw it in the style 'circuit', 'tensor' or 'overview'",
        )
    views = [View(picture.view, svg)]
    if isinstance(picture.view, Circuit) and svg:
        views += _taken_apart(picture, timeout)
    return views


def _taken_apart(picture: Picture, timeout: float) -> list[View]:
    """The circuit with every composite unfolded, if it has any and that can be laid out."""
    whole = picture.subject
    if whole is None or not any(isinstance(item.node.primitive, Composite) for item in whole.items):
        return []
    circuit = circuit_of(tidied(unfold(whole, True)))
    try:
        svg = layout.render(circuit_dot(circuit), "svg", timeout=timeout).decode()
    except DrawingError:
        return []
    return [View(circuit, svg)]
