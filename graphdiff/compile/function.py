"""``compile``: a function traced once per kind of argument, optimised, and handed to a backend."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Hashable, Sequence
from functools import update_wrapper
from types import MethodType
from typing import Any

from graphdiff import context
from graphdiff.arguments import check_functions, shown
from graphdiff.backend import Backend, current_backend
from graphdiff.compile.executable import Executable, hands_through
from graphdiff.compile.passes import optimized
from graphdiff.compile.program import Program, program_of
from graphdiff.compile.trace import Traced, is_array, trace_call
from graphdiff.errors import ArgumentError
from graphdiff.graph import Graph
from graphdiff.leaf import as_tensor, constant
from graphdiff.module import replacements
from graphdiff.ops.precision import autocast_dtype
from graphdiff.pytree import Structure, flatten
from graphdiff.tensor import Tensor, next_id

_Key = tuple[Hashable, ...]
_MOST_KEPT = 128  # traced variants of one function; the oldest go first
_log = logging.getLogger("graphdiff.compile")
if "compile" in os.environ.get("GRAPHDIFF_LOG", "").split(","):
    logging.basicConfig(format="%(name)s: %(message)s")
    _log.setLevel(logging.INFO)


class Compiled:
    """A compiled function; call it like the function it was made from.

    Attributes:
        traces: how often the function was traced.
    """

    def __init__(self, fn: Callable[..., Any], mode: str, memory_budget: int | None) -> None:
        self._fn = fn
        self._mode = mode
        self._memory_budget = memory_budget
        self._cache: dict[_Key, list[_Entry]] = {}
        self._latest: _Entry | None = None
        self._lock = threading.RLock()
        self.traces = 0
        update_wrapper(self, fn)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten((args, kwargs))
        if _must_be_recorded(leaves):
            return self._fn(*args, **kwargs)
        backend = _home(leaves)
        key = (structure, backend, autocast_dtype(), replacements(), *(_kind(leaf) for leaf in leaves))
        entry = next((e for e in self._cache.get(key, ()) if e.holds()), None)
        if entry is None:
            entry = self._build(leaves, structure, backend, key)
            if len(self._cache) >= _MOST_KEPT:
                del self._cache[next(iter(self._cache))]
            self._cache.setdefault(key, []).append(entry)
        self._latest = entry
        return entry(leaves)

    def _build(self, leaves: Sequence[Any], structure: Structure, backend: Backend, key: _Key) -> _Entry:
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s traced: %s", getattr(self._fn, "__name__", "function"), self._why(key))
        if self._mode not in backend.modes:
            raise ArgumentError(
                f"backend {backend.name!r} has no mode {self._mode!r} to run a compiled function in",
                fix=f"choose from {', '.join(map(repr, backend.modes))}",
            )
        self.traces += 1
        traced = trace_call(self._fn, leaves, structure)
        # Objects whose identity is part of the key must live as long as the key.
        kept = [leaf for leaf in leaves if not is_array(leaf)]
        return _Entry(traced, backend, self._mode, self._memory_budget, kept, self._lock)

    def _why(self, key: _Key) -> str:
        if not self._cache:
            return "first call"
        if key in self._cache:
            return "a module changed its mode, or a parameter was frozen or freed"
        alike = [known for known in self._cache if known[0] == key[0] and len(known) == len(key)]
        if not alike:
            return "arguments of another structure"
        changes = [[(a, b) for a, b in zip(known, key, strict=True) if a != b] for known in alike]
        return "; ".join(f"{old} became {new}" for old, new in min(changes, key=len))

    @property
    def graph(self) -> Graph:
        """The optimised graph of the latest call, to draw and to look at.

        Raises:
            ArgumentError: not called yet.
        """
        return self._last().program.graph

    @property
    def source(self) -> str:
        """The generated program of the latest call.

        Raises:
            ArgumentError: not called yet.
        """
        return self._last().executable.source

    def _last(self) -> _Entry:
        if self._latest is None:
            raise ArgumentError(
                "the function was not called yet, so there is no graph of it", fix="call it once"
            )
        return self._latest


class _Entry:
    """One traced and lowered variant of a function."""

    def __init__(
        self,
        traced: Traced,
        backend: Backend,
        mode: str,
        memory_budget: int | None,
        kept: Sequence[Any],
        lock: threading.RLock,
    ) -> None:
        self._traced = traced
        self._backend = backend
        self._kept = kept
        self._lock = lock
        ids = (*traced.inputs, *(i for _, i in traced.read))
        self.program: Program = optimized(program_of(traced.graph, ids), backend, memory_budget)
        self.executable: Executable = backend.lower(self.program, mode)
        self._hands_through = hands_through(self.program)
        self._specs = [traced.graph[i].spec for i in traced.graph.outputs]

    def holds(self) -> bool:
        """Whether modules are still in the modes, and parameters as frozen, as the trace found them."""
        traced = self._traced
        return all(module.training is mode for module, mode in traced.modes) and all(
            cell.recorded is not (cell in traced.frozen) for cell, _ in traced.read
        )

    def __call__(self, leaves: Sequence[Any]) -> Any:
        with self._lock:  # buffers are shared by all threads, cells by all variants too
            return self._call(leaves)

    def _call(self, leaves: Sequence[Any]) -> Any:
        arrays = [_array(leaf, self._backend, self._hands_through) for leaf in leaves if is_array(leaf)]
        arrays += [cell.data for cell, _ in self._traced.read]
        results = self.executable.run(arrays)
        count = len(results) - len(self._traced.written)
        for cell, data in zip(self._traced.written, results[count:], strict=True):
            cell.data = data
            cell.changed_at = next_id()
        return self._traced.rebuild(
            [
                constant(data, spec, self._backend)
                for data, spec in zip(results[:count], self._specs, strict=False)
            ]
        )


def _kind(leaf: Any) -> Hashable:
    """What a trace depends on: the spec of data, the value of a plain Python argument, the identity of
    anything else."""
    if isinstance(leaf, Tensor) and not leaf.is_cell:
        return leaf.spec
    if is_array(leaf):
        return as_tensor(leaf).spec
    if isinstance(leaf, float):
        return float, leaf.hex()  # tells 0.0 from −0.0, and NaN equals itself
    if isinstance(leaf, (int, str, bytes)):
        return type(leaf), leaf
    return type(leaf), id(leaf)


def _must_be_recorded(leaves: Sequence[Any]) -> bool:
    """Whether the call is part of a larger graph: inside a trace, or on tensors that are differentiated."""
    now = context.current()
    if now.trace is not None:
        return True
    recorded = any(isinstance(t, Tensor) and t.recorded and not t.is_cell for t in leaves)
    return now.recording and recorded


def _array(leaf: Any, backend: Backend, copy: bool) -> Any:
    """The array of an argument; a copy of the caller's own where a result might share its memory."""
    if not isinstance(leaf, Tensor):
        return backend.asarray(leaf, copy=copy)
    return leaf.data if leaf.backend is backend else backend.asarray(leaf.numpy(), leaf.dtype)


def _home(leaves: Sequence[Any]) -> Backend:
    for leaf in leaves:
        if isinstance(leaf, Tensor):
            return leaf.backend
    return current_backend()


def compile(fn: Callable[..., Any], *, mode: str = "auto", memory_budget: int | None = None) -> Compiled:
    """A function that runs as one optimised graph.

    The function is traced once for each combination of argument structure, shapes and dtypes, plain Python
    arguments and backend. Tensors and arrays are inputs of the graph; numbers, strings and other objects
    are built in as they were at the first call (but a module's mode is heeded). Cells (parameters,
    optimizer state, the learning rate) are read and written by every call; a cell made inside the function
    is made once. Results carry no history. Inside another trace, and on arguments that are differentiated,
    the function itself runs, so derivatives pass through.

    What it gives equals what the function gives eagerly: to the last bit on NumPy.

    Args:
        mode: how the backend is to run it, one of the backend's :attr:`~graphdiff.Backend.modes`.
        memory_budget: the most bytes of computed values, results included, that may be alive at one time by
            their shapes; arguments and cells are not counted. Values are computed again where they would have
            to be kept for longer, and the results are the same. (:func:`graphdiff.checkpoint` says by hand
            what is computed again.) As many as it takes by default.

    Raises:
        ArgumentError: what is no function, or a memory budget that is no number; on the first call, a mode
            that the backend does not have, or a budget that cannot be met (the message says what can).
        TracingError: on the first call, a function that needs the value of a tensor (``if x > 0``).
    """
    check_functions(fn=fn)
    if memory_budget is not None and not (isinstance(memory_budget, int) and memory_budget > 0):
        raise ArgumentError(
            f"memory_budget={shown(memory_budget)} is no number of bytes", fix="give an integer above 0"
        )
    return Compiled(fn, mode, memory_budget)
