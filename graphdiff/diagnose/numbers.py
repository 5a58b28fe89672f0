"""Numbers per node: shapes, parameters, operations, bytes, times, and what values and gradients are like."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphdiff import context
from graphdiff.arguments import check_integers
from graphdiff.diagnose.flops import Counter
from graphdiff.diagnose.run import Loss, Run, apply, run_of
from graphdiff.diagnose.statistics import Statistics, statistics_of
from graphdiff.draw import words
from graphdiff.errors import ArgumentError
from graphdiff.graph import Node, TensorSpec


@dataclass(frozen=True)
class Row:
    """The numbers of one node of the forward pass.

    Attributes:
        node: the node.
        parameters: how many trained numbers it is, for a parameter; 0 for others.
        flops, backward_flops: floating-point operations, a multiply-add counted as two, of the node and of
            what the backward pass does because of it.
        value, gradient: what their elements are like, where that was asked for and is known.
        seconds, backward_seconds: how long the same takes, where that was measured.
    """

    node: Node
    parameters: int
    flops: int
    backward_flops: int
    value: Statistics | None = None
    gradient: Statistics | None = None
    seconds: float | None = None
    backward_seconds: float | None = None

    @property
    def spec(self) -> TensorSpec:
        """Shape and dtype."""
        return self.node.spec

    @property
    def bytes(self) -> int:
        """The size of the value."""
        return self.spec.size * self.spec.dtype.itemsize


@dataclass(frozen=True)
class Total:
    """The sums over the nodes of a scope; attributes as for :class:`Row`."""

    scope: str
    operations: int
    parameters: int
    flops: int
    backward_flops: int
    bytes: int
    seconds: float | None
    backward_seconds: float | None


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of a computation: a row per node, sums per scope; ``print`` it for a table.

    ``numbers[id]`` is the row of a node.
    """

    rows: tuple[Row, ...]

    @cached_property
    def _by_id(self) -> dict[int, Row]:
        return {row.node.id: row for row in self.rows}

    def __getitem__(self, id: int) -> Row:
        return self._by_id[id]

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    @cached_property
    def total(self) -> Total:
        """The sums over all nodes."""
        return _total("total", self.rows)

    def by_scope(self, depth: int | None = None) -> list[Total]:
        """The sums over each scope, in the order of computation; a parameter belongs where its name says.

        Args:
            depth: how many parts of a scope's path tell it from others; all by default.
        """
        if depth is not None:
            check_integers(depth=depth)
        scopes: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.node.primitive is not None or row.node.role == "parameter":
                scopes.setdefault(".".join(_scope(row.node)[:depth]), []).append(row)
        return [_total(scope, rows) for scope, rows in scopes.items()]

    def table(self, depth: int | None = None) -> str:
        """The sums by scope as text; see :meth:`by_scope`."""
        from rich.console import Console
        from rich.table import Table

        timed = self.total.seconds is not None
        table = Table("scope", box=None, pad_edge=False)
        for name in _COLUMNS[: None if timed else -2]:
            table.add_column(name, justify="right")
        for found in [*self.by_scope(depth), self.total]:
            table.add_row(found.scope or "(outside)", *_cells(found, timed))
        text = io.StringIO()
        Console(file=text, width=120).print(table)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def __str__(self) -> str:
        return self.table()


_COLUMNS = ("operations", "parameters", "FLOPs", "FLOPs back", "bytes", "forward ms", "backward ms")


_MOST_BINS = 10_000


def statistics(target: Any, *args: Any, loss: Loss | None = None, bins: int = 0) -> Numbers:
    """Shapes, parameters, operations and bytes of every node, and what values and gradients are like.

    Args:
        target, args, loss: as for :func:`graphdiff.diagnose`; or a :class:`graphdiff.Graph`, whose values are
            not known.
        bins: how many each histogram has; none are made for 0.

    Raises:
        ArgumentError, TracingError: as for :func:`graphdiff.diagnose`.
    """
    check_integers(bins=bins)
    if not 0 <= bins <= _MOST_BINS:
        raise ArgumentError(f"bins={bins}", fix=f"give a number from 0 to {_MOST_BINS:,}")
    run = run_of(target, args, loss)
    values = {node.id: run.values[node.id] for node in run.forward if node.id in run.values}
    gradients = {i: run.values[g] for i, g in run.gradients.items() if g in run.values}
    facts = iter(statistics_of([*values.values(), *gradients.values()], bins))
    return numbers_of(run, dict(zip(values, facts, strict=False)), dict(zip(gradients, facts, strict=True)))


def profile(target: Any, *args: Any, loss: Loss | None = None, repeats: int = 3) -> Numbers:
    """How long each node takes, forward and backward: computed one by one, as eagerly, from the operands of
    the run; the device is waited for. The least of several times counts.

    Args:
        target, args, loss: as for :func:`graphdiff.diagnose`.
        repeats: how often each node is computed.

    Raises:
        ArgumentError, TracingError: as for :func:`graphdiff.diagnose`, or fewer than one repeat.
    """
    check_integers(repeats=repeats)
    if repeats < 1:
        raise ArgumentError(f"repeats={repeats} measures nothing", fix="give at least 1")
    run = run_of(target, args, loss)
    seconds = {node.id: 0.0 for node in run.graph}
    with context.apart(), context.no_grad():
        for node in run.graph:
            if node.primitive is not None and all(i in run.values for i in node.inputs):
                seconds[node.id] = min(_timed(run, node) for _ in range(repeats))
    return numbers_of(run, seconds=seconds)


def _timed(run: Run, node: Node) -> float:
    operands = [run.values[i] for i in node.inputs]
    backend = operands[0].backend
    backend.wait()
    start = time.perf_counter()
    apply(node, operands)
    backend.wait()
    return time.perf_counter() - start


def numbers_of(
    run: Run,
    values: Mapping[int, Statistics] | None = None,
    gradients: Mapping[int, Statistics] | None = None,
    seconds: Mapping[int, float] | None = None,
) -> Numbers:
    """The rows of a run, with what is known of its nodes by id."""
    flops = Counter().of_graph(run.graph)
    back_flops, back_seconds = (_by_origin(run, known) for known in (flops, seconds or {}))
    return Numbers(
        tuple(
            Row(
                node=node,
                parameters=node.spec.size if node.role == "parameter" and node.primitive is None else 0,
                flops=flops[node.id],
                backward_flops=int(back_flops.get(node.id, 0)),
                value=(values or {}).get(node.id),
                gradient=(gradients or {}).get(node.id),
                seconds=None if seconds is None else seconds[node.id],
                backward_seconds=None if seconds is None else back_seconds.get(node.id, 0.0),
            )
            for node in run.forward
        )
    )


def _by_origin(run: Run, known: Mapping[int, float]) -> dict[int, float]:
    """id of a forward node -> the sum over the backward nodes that came from it."""
    found: dict[int, float] = {}
    for node in run.graph:
        origin = run.origin(node) if node.role == "backward" and node.id in known else None
        if origin is not None:
            found[origin.id] = found.get(origin.id, 0) + known[node.id]
    return found


def _scope(node: Node) -> list[str]:
    if node.role == "parameter":
        return node.name.split(".")[:-1]
    return node.scope.split(".")


def _total(scope: str, rows: Iterable[Row]) -> Total:
    rows = list(rows)
    timed = any(row.seconds is not None for row in rows)
    return Total(
        scope=scope,
        operations=sum(row.node.primitive is not None for row in rows),
        parameters=sum(row.parameters for row in rows),
        flops=sum(row.flops for row in rows),
        backward_flops=sum(row.backward_flops for row in rows),
        bytes=sum(row.bytes for row in rows),
        seconds=sum(row.seconds or 0.0 for row in rows) if timed else None,
        backward_seconds=sum(row.backward_seconds or 0.0 for row in rows) if timed else None,
    )


def _cells(found: Total, timed: bool) -> list[str]:
    counts = (found.parameters, found.flops, found.backward_flops, found.bytes)
    times = (found.seconds, found.backward_seconds) if timed else ()
    return [str(found.operations), *map(words.count, counts), *(f"{1000 * (t or 0):.3f}" for t in times)]
