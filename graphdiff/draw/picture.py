"""A picture: DOT text, and whatever it becomes when it is asked for: SVG, PNG, Mermaid, a page."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphdiff.arguments import check_choice, check_integers, check_numbers, path_of
from graphdiff.draw import layout, renderers
from graphdiff.errors import ArgumentError, DrawingError, LayoutTimeoutError

if TYPE_CHECKING:
    from graphdiff.diagnose.numbers import Numbers
    from graphdiff.draw.circuit import Circuit
    from graphdiff.draw.modules import Overview
    from graphdiff.draw.subject import Subject

TIMEOUT = 10.0
"""Seconds that a layout may take before a coarser one is tried."""

_COARSER = 4  # how many times fewer boxes each attempt has

Coarser = Callable[[int, str], "Picture"]


class Picture:
    """What :func:`graphdiff.draw.draw` returns.

    Nothing is laid out before it is asked for, and nothing twice. A layout that takes too long is stopped,
    and one of fewer boxes takes its place, whose heading says how many were hidden. The last line of a
    notebook cell shows a picture, as its DOT text where no layout engine is installed.

    Args:
        dot: the DOT text.
        view: what the text was written from.
        boxes: how many boxes there are.
        title: its heading.
        coarser: ``coarser(boxes, why)``, the picture in fewer boxes, whose heading says why some are hidden;
            none where a picture cannot be folded.

    Attributes:
        dot: the picture as DOT text, the same every time for the same graph; needs no layout engine.
        view: what the picture shows, for outputs that are made without DOT; ids are those of its SVG.
        subject: the graph and its numbers, where ``draw`` made the picture.
        numbers: what was measured for it, if anything was asked for.
        instead: the picture of fewer boxes that took its place, once a layout has taken too long.
    """

    def __init__(
        self,
        dot: str,
        view: Overview | Circuit | None = None,
        *,
        title: str = "",
        boxes: int = 0,
        coarser: Coarser | None = None,
    ) -> None:
        self.dot = dot
        self.view = view
        self.title = title
        self.boxes = boxes
        self.subject: Subject | None = None
        self.numbers: Numbers | None = None
        self._coarser = coarser
        self.instead: Picture | None = None
        self._rendered: dict[tuple[str, int | None], bytes] = {}

    @property
    def svg(self) -> str:
        """The picture as an SVG document.

        Raises:
            LayoutToolMissingError: no layout engine. LayoutTimeoutError: even few boxes took too long.
        """
        return self.laid_out("svg").decode()

    def save(self, path: str | os.PathLike[str], *, dpi: int = 160, timeout: float = TIMEOUT) -> Path:
        """Write the picture as what the file's suffix says: ``.svg``, ``.png``, ``.pdf``, ``.dot``,
        ``.json``, ``.mmd`` (Mermaid), ``.html``, or another that a renderer plugin brings.

        The file appears whole or not at all; one that was there is replaced. ``dpi`` is the resolution of
        a PNG, ``timeout`` the seconds that a layout may take before one of fewer boxes is tried.

        Returns:
            The path.

        Raises:
            ArgumentError: what is no path, no resolution or no time.
            DrawingError: another suffix, or a place that cannot be written to.
            LayoutToolMissingError: no layout engine; text formats need none.
            LayoutTimeoutError: even a layout of few boxes took too long.
        """
        path = path_of(path)
        _check_limits(dpi, timeout)
        content = renderers.written(self, path, dpi=dpi, timeout=timeout)
        write(path, content)
        return path

    def laid_out(self, format: str, *, dpi: int | None = None, timeout: float = TIMEOUT) -> bytes:
        """The picture as ``"svg"``, ``"png"`` or ``"pdf"``, in fewer boxes where all take too long.

        Raises:
            LayoutToolMissingError: no layout engine. LayoutTimeoutError: even few boxes took too long.
        """
        check_choice("format", format, layout.FORMATS)
        _check_limits(1 if dpi is None else dpi, timeout)
        key = format, dpi
        if self.instead is None and key not in self._rendered:
            try:
                self._rendered[key] = layout.render(self.dot, format, dpi=dpi, timeout=timeout)
            except LayoutTimeoutError:
                self.instead = self.coarser(f"layout took longer than {timeout:g} s")
                if self.instead is None:
                    raise
        if self.instead is not None:
            return self.instead.laid_out(format, dpi=dpi, timeout=timeout)
        return self._rendered[key]

    def coarser(self, why: str) -> Picture | None:
        """The picture in a quarter of the boxes, with a heading that says how many are hidden and why."""
        if self._coarser is None or self.boxes < _COARSER:
            return None
        return self._coarser(self.boxes // _COARSER, why)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            svg = layout.inline_svg(self.laid_out("svg"))
        except DrawingError:
            return {"text/plain": self.dot}
        return {"text/html": _scrollable(svg), "image/svg+xml": svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Picture of {self.dot.count(chr(10))} lines of DOT>"


def _scrollable(svg: str) -> str:
    """The picture as wide as the cell where it fits at two thirds of its size or more; else it scrolls."""
    width = float(svg.partition('width="')[2].partition("pt")[0])
    svg = svg.replace(
        "max-width:100%", f"width:100%;max-width:{width:g}pt;min-width:{width * 2 / 3:.0f}pt", 1
    )
    # A page in dark mode shows light text around it, so that the picture brings its own paper.
    return f'<div style="max-width:100%;overflow-x:auto;background:#fff">{svg}</div>'


def write(path: Path, content: bytes) -> None:
    """Write beside the file and put it in place, so that no reader ever sees half of it."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as problem:
        raise DrawingError(
            f"{path} cannot be written: {problem.strerror or problem}",
            fix="choose a folder that exists and is yours",
        ) from problem
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _check_limits(dpi: int, timeout: float) -> None:
    check_integers(dpi=dpi)
    check_numbers(timeout=timeout)
    if dpi < 1 or not timeout > 0:
        raise ArgumentError(f"dpi={dpi}, timeout={timeout} draw nothing", fix="give both above 0")
