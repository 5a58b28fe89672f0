"""Output formats and styles by name: the built-in ones and those of plugins, through one door.

A renderer whose name begins with a dot is an **output format**, named by its file suffix; any other is a
**style**. In a script::

    @gd.renderers.register(".txt")
    def listing(picture, **options):      # dpi and timeout, for those that lay out
        return picture.dot                # text or bytes

    @gd.renderers.register("count")
    def count(subject, options):          # graphdiff.draw.subject.Subject, graphdiff.draw.styles.Options
        return gd.Picture(f"digraph {{ {len(subject.items)} }}")

Plugins register in the entry-point group ``graphdiff.renderers``. Where a plugin was chosen in the place of a
built-in (``register(..., override=True)``, or a preference) and fails, a warning names it, and the built-in
does its work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from graphdiff.errors import DrawingError, GraphdiffError
from graphdiff.plugins import Registry

if TYPE_CHECKING:
    from graphdiff.draw.picture import Picture
    from graphdiff.draw.styles import Options
    from graphdiff.draw.subject import Subject

T = TypeVar("T")

renderers = Registry("renderers")


def formats() -> list[str]:
    """The suffixes of all output formats, the built-in ones first. Loads none."""
    return [name for name in _names() if name.startswith(".")]


def styles() -> list[str]:
    """The names of all styles, the built-in ones first. Loads none."""
    return [name for name in _names() if not name.startswith(".")]


def _names() -> list[str]:
    known = [info for info in renderers.list() if info.status != "disabled"]
    return list(dict.fromkeys(i.name for i in sorted(known, key=lambda i: i.distribution != "graphdiff")))


def check(path: Path) -> None:
    """Raises:
    DrawingError: no output format has the suffix of the path.
    """
    if path.suffix.lower() not in formats():
        raise DrawingError(
            f"{path.name!r} names no picture format", fix=f"end the file name in {', '.join(formats())}"
        )


def written(picture: Picture, path: Path, *, dpi: int, timeout: float) -> bytes:
    """The content of a file: what the output format of its suffix makes of the picture.

    Raises:
        DrawingError: no format has that suffix, or a plugin's fails that has no built-in behind it.
    """
    check(path)
    return _call(path.suffix.lower(), _content, picture, dpi=dpi, timeout=timeout)


def drawn(style: str, subject: Subject, options: Options) -> Picture:
    """What a style makes of a subject.

    Raises:
        DrawingError: a plugin's style fails that has no built-in behind it.
    """
    return _call(style, _picture, subject, options)


def _content(result: Any) -> bytes:
    return result.encode(errors="replace") if isinstance(result, str) else memoryview(result).tobytes()


def _picture(result: Any) -> Picture:
    from graphdiff.draw.picture import Picture

    if not isinstance(result, Picture):
        raise TypeError(f"a {type(result).__name__} is no Picture")
    return result


def _call(name: str, read: Callable[[Any], T], *args: Any, **options: Any) -> T:
    """What a renderer returns, or the built-in one in its place where it fails.

    Raises:
        DrawingError: a plugin's renderer fails and no built-in has its name. Others: what a built-in raises.
    """
    built_in = f"graphdiff:{name}"
    try:
        renderer = renderers[name]
        if built_in in renderers and renderer is renderers[built_in]:
            built_in = ""
        return read(renderer(*args, **options))
    except Exception as problem:
        if not built_in or (isinstance(problem, GraphdiffError) and built_in not in renderers):
            raise
        failed = f"renderer {name!r} of {_owner(name)} failed: {type(problem).__name__}: {problem}"
        if built_in not in renderers:
            raise DrawingError(failed, fix="mend the plugin, or choose another format or style") from problem
        warnings.warn(f"the built-in {name!r} is used, because the {failed}", stacklevel=2)
        return read(renderers[built_in](*args, **options))


def _owner(name: str) -> str:
    """Who provides the renderer that is no built-in."""
    return " or ".join(
        f"{info.provider} ({info.value})"
        for info in renderers.list()
        if info.name == name and info.distribution != "graphdiff" and info.status != "disabled"
    )
