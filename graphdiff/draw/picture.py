"""A picture: DOT text that becomes SVG, PNG or PDF when it is asked for."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphdiff.draw import layout
from graphdiff.errors import DrawingError

if TYPE_CHECKING:
    from graphdiff.draw.circuit import Circuit
    from graphdiff.draw.modules import Overview

SUFFIXES = (".svg", ".png", ".pdf", ".dot")


class Picture:
    """What :func:`graphdiff.draw.draw` returns.

    Nothing is laid out before it is asked for, and nothing twice. The last line of a notebook cell shows
    it, as its DOT text where no layout engine is installed.

    Attributes:
        dot: the picture as DOT text, the same every time for the same graph; needs no layout engine.
        view: what the picture shows, for outputs that are made without DOT; ids are those of its SVG.
    """

    def __init__(self, dot: str, view: Overview | Circuit | None = None) -> None:
        self.dot = dot
        self.view = view
        self._rendered: dict[tuple[str, int | None], bytes] = {}

    @property
    def svg(self) -> str:
        """The picture as an SVG document.

        Raises:
            LayoutToolMissingError: no layout engine. LayoutTimeoutError: the layout took too long.
        """
        return self._render("svg").decode()

    def save(self, path: str | os.PathLike[str], *, dpi: int = 160, timeout: float = 20.0) -> Path:
        """Write the picture as what the file's suffix says: ``.svg``, ``.png``, ``.pdf`` or ``.dot``.

        The file appears whole or not at all; one that was there is replaced. ``dpi`` is the resolution of
        a PNG, ``timeout`` the seconds that the layout may take.

        Returns:
            The path.

        Raises:
            DrawingError: another suffix, or a place that cannot be written to.
            LayoutToolMissingError: no layout engine; ``.dot`` needs none.
            LayoutTimeoutError: the layout took too long.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise DrawingError(
                f"{path.name!r} names no picture format", fix=f"end the file name in {', '.join(SUFFIXES)}"
            )
        if suffix == ".dot":
            content = self.dot.encode()
        else:
            content = self._render(suffix[1:], dpi if suffix == ".png" else None, timeout)
        _write(path, content)
        return path

    def _render(self, format: str, dpi: int | None = None, timeout: float = 20.0) -> bytes:
        key = format, dpi
        if key not in self._rendered:
            self._rendered[key] = layout.render(self.dot, format, dpi=dpi, timeout=timeout)
        return self._rendered[key]

    def _repr_svg_(self) -> str | None:
        try:
            return layout.inline_svg(self._render("svg"))
        except DrawingError:
            return None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        svg = self._repr_svg_()
        return {"text/plain": self.dot} if svg is None else {"image/svg+xml": svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Picture of {self.dot.count(chr(10))} lines of DOT>"


def _write(path: Path, content: bytes) -> None:
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
