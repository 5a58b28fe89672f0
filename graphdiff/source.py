"""Where in the user's code an operation was called.

Recorded as a code object and an instruction offset, which costs well under a microsecond and keeps no
frame alive; turned into ``file:line`` only when an error or a picture wants it.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

Source = tuple[CodeType, int]
# The package and its built-in plugins; a user's graphdiffusion.py or graphdiff_experiments.py is outside.
_INSIDE = frozenset(
    "graphdiff graphdiff_numpy graphdiff_torch graphdiff_layers graphdiff_losses graphdiff_optimizers "
    "graphdiff_schedules graphdiff_models graphdiff_data graphdiff_transforms".split()
)


_COMMAND = "graphdiff.cli"  # beyond it there is no user's code
_COMMAND_FILE = os.path.join(os.path.dirname(__file__), "cli.py")

_CARRIERS = frozenset({"click", "concurrent", "contextlib", "threading"})  # they call, and are nobody's code

# What Python calls for a user who writes something else.
_UNSAID = frozenset("__call__ __contains__ __enter__ __getattr__ __getitem__ __iter__ __setattr__".split())

_known: dict[str, bool] = {}  # module name -> whether it is one of them


def frame_outside(depth: int = 1) -> FrameType | None:
    """The innermost frame outside graphdiff and its built-in plugins.

    Args:
        depth: of the first frame that may be outside, seen from the caller of this function; those before
            it need not be looked at.
    """
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        inside = _known.get(name)
        if inside is None:
            root = str(name).partition(".")[0]
            inside = _known[name] = root in _CARRIERS or (root in _INSIDE and name != _COMMAND)
        if not inside:
            return frame
        frame = frame.f_back
    return None


def caller() -> Source | None:
    """Where that frame is at work."""
    frame = frame_outside(2)
    return None if frame is None else (frame.f_code, frame.f_lasti)


def describe(source: Source | None) -> str:
    """``file:line`` of a source, the file as a path relative to the working folder where it lies inside."""
    if source is None:
        return ""
    code, offset = source
    if code.co_filename == _COMMAND_FILE:
        return ""
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
            break
    return f"{_place(code.co_filename)}:{line}"


def _place(path: str) -> str:
    """A file as a user calls it: relative to the working folder, a cell of a notebook by its number."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    cell = shell.compile.format_code_name(path) if shell is not None else None
    if cell:
        return " ".join(cell)
    try:
        return path.removeprefix(os.getcwd() + os.sep)
    except OSError:  # the working folder is gone
        return path


def called() -> str:
    """What the user's line called: a function's name, a class's, ``Class.method`` or an operator's name
    (``add`` for ``__add__``); nothing where that is no word of the user's."""
    frame: FrameType | None = sys._getframe(1)
    outside, outermost = frame_outside(1), None
    while frame is not None and frame is not outside:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _INSIDE:
            outermost = frame
        frame = frame.f_back
    return "" if outermost is None or outside is None else _name_of(outermost)


def _name_of(frame: FrameType) -> str:
    name = frame.f_code.co_name
    first = next(iter(frame.f_code.co_varnames[: frame.f_code.co_argcount]), "")
    owner = frame.f_locals.get(first) if first in ("self", "cls") else None
    kind = owner if isinstance(owner, type) else type(owner)
    if name in ("__init__", "__new__", "__post_init__"):
        return kind.__name__
    if name.startswith("__"):
        return "" if name in _UNSAID else name.strip("_")
    if name.startswith(("_", "<")) or name == "wrapped":
        return ""
    return name if owner is None else f"{kind.__name__}.{name}"
