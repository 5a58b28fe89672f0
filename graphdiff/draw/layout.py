"""From DOT text to the bytes of a picture, by a Graphviz engine that runs in a process of its own.

The engine is a system ``dot`` program (the one named by the environment variable ``GRAPHVIZ_DOT``, or else
the one on the path) or, where there is none, the Graphviz libraries bundled with ``pygraphviz`` 2.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from graphdiff.arguments import shown
from graphdiff.draw._pygraphviz_child import CANNOT_LOAD
from graphdiff.errors import DrawingError, LayoutTimeoutError, LayoutToolMissingError

FORMATS = ("svg", "png", "pdf")

_CHILD = Path(__file__).with_name("_pygraphviz_child.py")

_INSTALL = {
    "linux": '`pip install "pygraphviz>=2"` (wheels for x86-64 and aarch64) or `apt-get install graphviz`',
    "darwin": '`pip install "pygraphviz>=2"` or `brew install graphviz`',
    "win32": '`pip install "pygraphviz>=2"` (wheels for x86-64), `winget install Graphviz.Graphviz` '
    "or `choco install graphviz`",
}

_WORKS_WITHOUT = 'DOT text needs no layout engine: `.dot` and `.save("x.dot")` work without any.'

# The first name of a statement, and the name after an arrow; `key=value` is no name.
_LONGEST = 1e6  # seconds; the system knows no longer waits
_NAME = re.compile(r'(?:^[ \t]*|->\s*)("[^"\n]*"|[\w.]++)(?!\s*=)', re.MULTILINE)
_KEYWORDS = {"strict", "digraph", "graph", "subgraph", "node", "edge"}


class _Engine(NamedTuple):
    name: str
    command: tuple[str, ...]


class _Outcome(NamedTuple):
    status: int
    picture: bytes
    stderr: str


def available() -> str | None:
    """The engine that ``render`` would use: ``"dot"``, ``"pygraphviz"`` or None."""
    try:
        return _engine().name
    except LayoutToolMissingError:
        return None


def render(dot: str, format: str, *, timeout: float = 20.0, dpi: int | None = None) -> bytes:
    """Lay out ``dot`` and return the picture as ``format``, one of ``"svg"``, ``"png"`` and ``"pdf"``.

    ``dpi`` is the resolution of a PNG (Graphviz takes 96 by default); SVG and PDF are measured in points
    and ignore it. The same text gives the same bytes as long as engine and fonts stay the same. Nothing is
    laid out in the calling process, and any number of threads may call at once.

    Raises ``LayoutTimeoutError`` when the layout takes longer than ``timeout`` seconds (it is killed then,
    with every process it started), ``LayoutToolMissingError`` when there is no usable engine, and
    ``DrawingError`` for an unknown format, for DOT text that the engine rejects, and for a picture that
    would show boxes instead of letters because the machine has no fonts.
    """
    if format not in FORMATS:
        raise DrawingError(f"unknown picture format {shown(format)}", fix=f"use one of {', '.join(FORMATS)}")
    engine = _engine()
    if engine.name == "pygraphviz" and sys.platform == "linux" and format != "svg":
        _require_fonts(engine)
    picture = _layout(engine, dot, format, timeout, dpi if format == "png" else None)
    # Cairo stamps the clock into a PDF; a fixed date of the same length leaves every byte offset valid.
    return re.sub(rb"/CreationDate \(D:\d{14}", b"/CreationDate (D:19700101000000", picture)


def inline_svg(svg: bytes) -> str:
    """The ``<svg>`` element of an SVG document from ``render``, ready to stand in an HTML page.

    The XML prolog, the DOCTYPE and the comments (which name the Graphviz version) are gone. Size and
    ``viewBox`` are kept, and the picture shrinks with the space it is given rather than being cut. Element
    ids are Graphviz's own: two pictures in one page need different ``id`` attributes in their DOT text if
    scripts, styles or gradient fills refer to them.
    """
    text = svg.decode()
    element = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
    return element.strip().replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)


def _engine() -> _Engine:
    if named := os.environ.get("GRAPHVIZ_DOT"):
        if program := shutil.which(named):
            return _Engine("dot", (program,))
        raise LayoutToolMissingError(
            f"GRAPHVIZ_DOT names {named!r}, which is not a program that can be run",
            fix=f"correct it, or unset it to use the `dot` on the path or pygraphviz. {_WORKS_WITHOUT}",
        )
    if program := shutil.which("dot"):
        return _Engine("dot", (program,))
    package = importlib.util.find_spec("pygraphviz")
    if package and package.origin and sys.executable:
        site = str(Path(package.origin).parents[1])
        # Isolated: no module next to the script or in the working folder may shadow the standard library.
        return _Engine("pygraphviz", (sys.executable, "-I", "-S", str(_CHILD), site))
    raise LayoutToolMissingError("no Graphviz layout engine was found", fix=_how_to_install())


def _how_to_install() -> str:
    way = _INSTALL.get(sys.platform, "install your system's graphviz package, so that `dot` is on the path")
    return f"{way}. {_WORKS_WITHOUT}"


@functools.cache
def _require_fonts(engine: _Engine) -> None:
    """Make sure that letters come out as letters, which only the fonts in a PDF tell; asked once."""
    if b"/Font" not in _layout(engine, "graph { a }", "pdf", timeout=20.0, dpi=None):
        raise DrawingError(
            "no fonts are installed, so every letter would be an empty box",
            fix="`apt-get install fonts-liberation`, or draw SVG, whose text uses the fonts of the viewer",
        )


def _layout(engine: _Engine, dot: str, format: str, timeout: float, dpi: int | None) -> bytes:
    options = [f"-T{format}"] + ([f"-Gdpi={dpi}"] if dpi is not None else [])
    try:
        outcome = _run([*engine.command, *options], dot.encode(errors="replace"), timeout)
    except subprocess.TimeoutExpired:
        raise LayoutTimeoutError(
            f"laying out {_size(dot)} took longer than the limit of {timeout:g} s and was stopped",
            fix='fold more of it, raise `timeout`, or save the DOT text with `.save("x.dot")` and lay it out '
            "elsewhere",
        ) from None
    except OSError as error:
        raise DrawingError(
            f"the layout engine {engine.command[0]} cannot be run: {error}", fix=_how_to_install()
        ) from error
    if engine.name == "pygraphviz" and outcome.status == CANNOT_LOAD:
        raise LayoutToolMissingError(
            f"pygraphviz is installed but cannot be loaded ({outcome.stderr.strip()})",
            fix=_how_to_install(),
        )
    # Graphviz may write a picture after an error, with a label or an edge missing from it.
    if outcome.status or not outcome.picture or re.search("^Error:", outcome.stderr, re.MULTILINE):
        lines = [line for line in outcome.stderr.splitlines() if not line.startswith("Fontconfig")]
        said = "\n".join(lines[-8:]) or "(it said nothing)"
        raise DrawingError(
            f"the layout engine {engine.name} could not draw {_size(dot)} as {format} "
            f"(exit status {outcome.status}):\n{said}",
            fix="this is a defect of graphdiff or of a plugin's style: report it with the DOT text",
        )
    return outcome.picture


def _run(command: list[str], stdin: bytes, timeout: float) -> _Outcome:
    """Run ``command`` to its end, or kill it and all it started when time or the user cuts it short."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as process:
        try:
            picture, stderr = process.communicate(stdin, min(timeout, _LONGEST))
        except BaseException:  # Ctrl-C too, which does not reach a process in a session of its own
            _kill(process)
            raise
    return _Outcome(process.returncode, picture, stderr.decode(errors="replace"))


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    elif process.returncode is None:  # else its id may already be another group's
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _size(dot: str) -> str:
    """About how much the DOT text holds, told from its looks."""
    nodes = {name.strip('"') for name in _NAME.findall(dot)} - _KEYWORDS
    return f"about {len(nodes)} nodes and {dot.count('->')} edges"
