"""The exceptions of graphdiff: one family, each message saying what, where and what to do.

Every class also derives from the built-in exception a Python programmer would expect, so that
``except ValueError`` around a shape mistake keeps working. A rule deep inside the engine raises with
*what* went wrong and a *fix*; the engine adds the operation, its inputs and the user's source line
on the way out (:meth:`GraphdiffError.locate`). Where nothing more is known, the line is the one that called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphdiff import source as user

if TYPE_CHECKING:
    from graphdiff.diagnose import Report


_LONGEST = 2000  # characters of a message, most of which would be one value


class GraphdiffError(Exception):
    """Base of every error that graphdiff raises on purpose.

    Args:
        what: one sentence: what is wrong, with the numbers.
        fix: what the user can do about it.
    """

    def __init__(self, what: str, *, fix: str = "") -> None:
        super().__init__(what)
        self.what = what if len(what) <= _LONGEST else f"{what[: _LONGEST // 2]} … {what[-_LONGEST // 4 :]}"
        self.fix = fix
        self.operation = ""
        self.called = user.called()
        self.inputs = ""
        self.source = user.describe(user.caller())
        self._placed = False
        self.layer = ""

    def locate(self, operation: str = "", inputs: str = "", source: str = "", layer: str = "") -> None:
        """Fill in where the error arose; the innermost caller, which knows most, wins."""
        self.operation = self.operation or operation
        self.inputs = self.inputs or inputs
        if source and not self._placed:
            self.source, self._placed = source, True
        self.layer = self.layer or layer

    def __str__(self) -> str:
        called = "" if self.what.startswith(self.called) else self.called
        operation = self.operation or called
        lines = [f"{operation}: {self.what}" if operation else self.what]
        places = (("layer", self.layer), ("inputs", self.inputs), ("at", self.source))
        for title, text in (*places, ("fix", self.fix)):
            if text:
                lines.append(f"  {title}: {text}")
        return "\n".join(lines)


class ShapeError(GraphdiffError, ValueError):
    """Shapes that do not fit an operation."""


class AxisError(ShapeError, IndexError):
    """An axis outside the rank of a tensor, or named twice."""


class DTypeError(GraphdiffError, TypeError):
    """A dtype that an operation or a gradient cannot use."""


class ArgumentError(GraphdiffError, ValueError):
    """An argument whose value or type makes no sense for the call."""


class GradientError(GraphdiffError, RuntimeError):
    """A derivative that was asked for and does not exist."""


class TracingError(GraphdiffError, TypeError):
    """Python code that needs a value while only shapes are known."""


class MutationError(GraphdiffError, TypeError):
    """An attempt to change a tensor in place."""


class BackendError(GraphdiffError, RuntimeError):
    """Tensors of different backends mixed, or a kernel a backend lacks."""


class OutOfMemoryError(GraphdiffError, MemoryError):
    """An operation whose result does not fit into the memory."""


class NonFiniteError(GraphdiffError, ArithmeticError):
    """A NaN or an infinity where finite numbers are needed.

    Attributes:
        report: what :func:`graphdiff.diagnose` found, where it was asked.
    """

    def __init__(self, what: str, *, fix: str = "", report: Report | None = None) -> None:
        super().__init__(what, fix=fix)
        self.report = report


class GraphError(GraphdiffError, ValueError):
    """A graph whose structure breaks the rules of a graph."""


class StateError(GraphdiffError, KeyError):
    """A state dict that does not fit the module it is loaded into."""


class DataError(GraphdiffError, ValueError):
    """A data file that is missing, damaged, or not of its format; the message has its path."""


class PluginError(GraphdiffError, RuntimeError):
    """A plugin that cannot be found, loaded or used."""


class UnknownPluginError(PluginError, AttributeError):
    """A name that no installed plugin provides."""


class PluginConflictError(PluginError):
    """A short name that two distributions provide."""


class DrawingError(GraphdiffError, RuntimeError):
    """A picture that cannot be made."""


class LayoutToolMissingError(DrawingError):
    """No Graphviz layout engine on this machine."""


class LayoutTimeoutError(DrawingError):
    """A layout that took longer than its time limit."""
