"""Checkpoints: functions whose intermediate values are not kept for the backward pass, but computed again.

What a checkpointed function gives becomes a node whose operands are what the function depends on: its
arguments, and the parameters and other recorded tensors it closes over. The node's vjp runs the function once
more and differentiates that. Both runs find the cells as they were at first, and only the first one writes to
them, so that random numbers repeat and running statistics are updated once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from graphdiff import context, ops
from graphdiff.arguments import check_functions
from graphdiff.autodiff.reverse import backward, detached, has_derivative
from graphdiff.cell import Cell
from graphdiff.errors import GradientError
from graphdiff.leaf import LEAF, filled
from graphdiff.module import Module
from graphdiff.primitive import Composite, EachOperand, Rule
from graphdiff.pytree import flatten
from graphdiff.tensor import Tensor, next_id

Run = Callable[[], Any]


def checkpoint(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the same results and derivatives that keeps none of its intermediate values.

    Memory is paid for with time: the backward pass computes ``fn`` again. It may close over parameters, draw
    random numbers, update running statistics and hold other checkpoints, and can be differentiated any number
    of times. What it reads besides tensors (Python variables, a module's mode) must not change before the
    backward pass. Where it returns several tensors, it is computed again for each that a gradient flows to.

    Eagerly, a backward pass keeps a graph of its own, this one's intermediate values included, unless it runs
    under ``no_grad``; a compiled function keeps nothing that is not used any more.

    Args:
        fn: returns a pytree of tensors.
    """

    check_functions(fn=fn)

    @wraps(fn, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return _first(lambda: fn(*args, **kwargs))

    return wrapped


class _Journal:
    """Cells as a function finds them, each time it runs, and what it writes to them.

    Args:
        found: cell's id -> the value at the first reading; filled by the first run.
    """

    def __init__(self, found: dict[int, Tensor]) -> None:
        self._outer = context.current().trace
        self._found = found
        self._present: dict[int, Tensor] = {}
        self.written: dict[int, Cell] = {}

    def read(self, cell: Tensor) -> Tensor:
        if cell.id not in self._present:
            self._present[cell.id] = self._found.setdefault(cell.id, self._outside(cell))
        return self._present[cell.id]

    def _outside(self, cell: Tensor) -> Tensor:
        if self._outer is not None:
            return self._outer.read(cell)
        if cell.recorded:  # gradients must reach it, and a backward pass refuses new values
            return cell
        return filled(Tensor(), cell.data, cell.spec, cell.backend, LEAF["constant"], name=cell.name)

    def write(self, cell: Cell, value: Tensor) -> None:
        self._present[cell.id] = value
        self.written[cell.id] = cell

    def notice(self, module: Module, training: bool) -> None:
        if self._outer is not None:
            self._outer.notice(module, training)

    def hand_on(self) -> None:
        """Write what was written to the cells themselves, or to the trace around."""
        for i, cell in self.written.items():
            cell.assign(detached(self._present[i]))


def _first(run: Run) -> Any:
    """The first run, its tensors each behind a node of its own."""
    started, found, dtype = next_id(), dict[int, Tensor](), context.product_dtype.get()
    journal = _Journal(found)
    with context.observed(journal):
        results, structure = flatten(run())
    journal.hand_on()

    def again() -> list[Any]:
        token = context.product_dtype.set(dtype)
        try:
            with context.again(_Journal(found), next_id()):
                return flatten(run())[0]
        finally:
            context.product_dtype.reset(token)

    return structure(_shielded(r, k, started, again) for k, r in enumerate(results))


def _shielded(result: Any, place: int, started: int, again: Callable[[], list[Any]]) -> Any:
    """A result of the first run, with the rules that compute it again in place of its history."""
    sources = _sources(result, started) if isinstance(result, Tensor) else []
    if not sources:
        return result
    node = Composite("checkpoint", _value, vjp=_Rules(lambda: again()[place], sources))
    node.repeatable = False
    return node(detached(result), *sources)


def _value(value: Tensor, *_: Tensor) -> Tensor:
    return ops.identity(value)


def _not_known(*_: Any) -> Tensor:
    raise GradientError(
        "what a checkpoint computes again is not part of a graph that was read from a file",
        fix="make the graph again where it was made",
    )


# What the name stands for in a graph that is read.
_READ = Composite("checkpoint", _value, vjp=EachOperand(_not_known))


def _sources(result: Tensor, started: int) -> list[Tensor]:
    """What was there before the first run and has a path with a derivative to a result of it."""
    seen, found = {result.id}, list[Tensor]()
    waiting = [result] if result.id > started else []
    while waiting:
        node = waiting.pop()
        for k, x in enumerate(node.inputs):
            if x.recorded and x.id not in seen and has_derivative(node, k):
                seen.add(x.id)
                (waiting if x.id > started and x.primitive else found).append(x)
    return sorted(found, key=lambda t: t.id)


class _Rules:
    """One rule per source, all answered by one more run for each upstream gradient."""

    def __init__(self, again: Callable[[], Tensor], sources: list[Tensor]) -> None:
        self._again = again
        self._sources = sources
        self._upstream: Tensor | None = None
        self._found: dict[int, Tensor] = {}

    def __getitem__(self, argnum: int) -> Rule | None:
        return None if argnum == 0 else lambda g, *_: self._gradient(argnum - 1, g)

    def _gradient(self, k: int, g: Tensor) -> Tensor:
        if g is not self._upstream or k not in self._found:
            self._upstream, self._found = g, dict(enumerate(self._gradients(g)))
        found = self._found.pop(k)
        if not self._found:
            self._upstream = None
        return found

    def _gradients(self, g: Tensor) -> list[Tensor]:
        keep, started = context.current().recording, next_id()
        with context.recording():
            record = backward(self._again(), g, wrt=self._sources, since=started)
        return [record[t] if keep else detached(record[t]) for t in self._sources]
