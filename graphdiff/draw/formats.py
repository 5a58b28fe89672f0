"""The built-in output formats, each a function of a picture: what ``Picture.save`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphdiff.errors import DrawingError

if TYPE_CHECKING:
    from graphdiff.draw.picture import Picture


def svg(picture: Picture, *, timeout: float, **_: Any) -> bytes:
    return picture.laid_out("svg", timeout=timeout)


def png(picture: Picture, *, timeout: float, dpi: int) -> bytes:
    return picture.laid_out("png", timeout=timeout, dpi=dpi)


def pdf(picture: Picture, *, timeout: float, **_: Any) -> bytes:
    return picture.laid_out("pdf", timeout=timeout)


def dot(picture: Picture, **_: Any) -> str:
    return picture.dot


def html(picture: Picture, *, timeout: float, **_: Any) -> str:
    from graphdiff.draw.page import page

    if picture.subject is None:
        raise DrawingError("a page shows one graph", fix="save what draw(...) returned, or save this as .svg")
    return page(picture, timeout)
