"""What surrounds an operation while it is recorded: the scope, the role, and whether to record at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ReferenceType, ref

from graphdiff.arguments import shown
from graphdiff.dtypes import DType
from graphdiff.errors import ArgumentError
from graphdiff.graph import Role
from graphdiff.source import Source

if TYPE_CHECKING:
    from graphdiff.cell import Cell
    from graphdiff.module import Module
    from graphdiff.tensor import Tensor


class Tracing(Protocol):
    """What operations and cells ask of the trace under way (:mod:`graphdiff.compile.trace`)."""

    def read(self, cell: Tensor) -> Tensor: ...

    def write(self, cell: Cell, value: Tensor) -> None: ...

    def notice(self, module: Module, training: bool) -> None: ...


class Scope(str):
    """A dotted path that remembers the layers along it which label themselves in pictures, by their path."""

    __slots__ = ("layers",)
    layers: Mapping[str, ReferenceType[Module]]

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class Context:
    """Shared by all nodes recorded within it; never changes.

    Attributes:
        scope: dotted path of the module at work.
        role: role of the nodes recorded.
        origin: id of the forward node whose backward is being recorded.
        recording: whether operations are recorded.
        source: the user's line that all of it is put down to; else each operation's own.
        trace: the trace under way, if a function is being traced.
        again: the number of the recomputation it is part of, 0 for none.
        plain: nothing to heed: operations are recorded, each at its own line, and nothing is traced.
    """

    __slots__ = ("again", "origin", "plain", "recording", "role", "scope", "source", "trace")

    def __init__(
        self,
        scope: str = "",
        role: Role = "forward",
        origin: int | None = None,
        recording: bool = True,
        source: Source | None = None,
        trace: Tracing | None = None,
        again: int = 0,
    ) -> None:
        self.scope = scope
        self.role = role
        self.origin = origin
        self.recording = recording
        self.source = source
        self.trace = trace
        self.again = again
        self.plain = recording and source is None and trace is None

    def but(self, **changes: Any) -> Context:
        """The same with some attributes replaced."""
        kept = {
            "scope": self.scope,
            "role": self.role,
            "origin": self.origin,
            "recording": self.recording,
            "source": self.source,
            "trace": self.trace,
            "again": self.again,
        }
        return Context(**(kept | changes))


_OUTSIDE = Context()
# What dtype products are computed in, if not their operands' own: see graphdiff.ops.precision.
product_dtype: ContextVar[DType | None] = ContextVar("graphdiff_product_dtype", default=None)
_current: ContextVar[Context] = ContextVar("graphdiff_context", default=_OUTSIDE)
current = _current.get


@contextmanager
def _within(context: Context) -> Iterator[None]:
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def scope(name: str, layer: Module | None = None) -> Iterator[None]:
    """Record operations below a name: pictures group by it. Scopes nest: ``features.conv1``.

    ``layer`` is a module at work there that labels itself in pictures.
    """
    if not isinstance(name, str):
        raise ArgumentError(f"scope({shown(name)}) has no name", fix="give a string")
    if layer is not None and not hasattr(layer, "draw_label"):
        raise ArgumentError(
            f"layer={shown(layer)} is no module", fix="give the module at work there, or none"
        )
    now = current()
    path = f"{now.scope}.{name}" if now.scope else name
    if layer is not None or isinstance(now.scope, Scope):
        path = _remembering(path, now.scope, layer)
    with _within(now.but(scope=path)):
        yield


def _remembering(path: str, around: str, layer: Module | None) -> Scope:
    found = Scope(path)
    own = {} if layer is None else {path: ref(layer)}
    found.layers = {**getattr(around, "layers", {}), **own}
    return found


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: no graph is kept, and nothing can be differentiated through."""
    with _within(current().but(recording=False)):
        yield


@contextmanager
def recording() -> Iterator[None]:
    """Record, also inside :func:`no_grad`: what a derivative needs while it is worked out."""
    with _within(current().but(recording=True)):
        yield


@contextmanager
def apart() -> Iterator[None]:
    """Record in a context of its own, whatever surrounds it."""
    with _within(_OUTSIDE):
        yield


@contextmanager
def tracing(trace: Tracing) -> Iterator[None]:
    """Trace what follows, in a context of its own."""
    with _within(Context(trace=trace)):
        yield


@contextmanager
def observed(trace: Tracing) -> Iterator[None]:
    """Have a trace look on, in the context as it is."""
    with _within(current().but(trace=trace)):
        yield


@contextmanager
def again(trace: Tracing, number: int) -> Iterator[None]:
    """Record what was computed before once more, apart from the first time."""
    with _within(current().but(trace=trace, recording=True, again=number)):
        yield


@contextmanager
def role(name: Role) -> Iterator[None]:
    """Record operations with a role, ``"update"`` for an optimizer's."""
    with _within(current().but(role=name)):
        yield


def enter_backward(scope: str, origin: int, source: Source | None) -> None:
    """Record what follows as the backward of a node; to be called inside :func:`backward_pass`."""
    now = _current.get()
    _current.set(Context(scope, "backward", origin, now.recording, source, now.trace, now.again))


@contextmanager
def backward_pass() -> Iterator[None]:
    """Keep the context as it was from all that :func:`enter_backward` sets inside."""
    with _within(current().but(role="backward")):
        yield
