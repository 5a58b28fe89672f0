"""Reverse mode over arrays: the numbers of a backward pass without its graph.

``backward()`` is asked for numbers far more often than for the graph that computes them. Nodes are visited in
the order of the recorded sweep, the youngest first, each by a small function over arrays
(:mod:`graphdiff.autodiff.visits`). The record that is handed out repeats the pass as a recorded sweep when
its graph is asked for, in the context and with the cells' values of the time of the pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import copy_context
from functools import partial
from heapq import heappop
from typing import Any

from graphdiff import context, ops
from graphdiff.autodiff.record import Backward
from graphdiff.autodiff.repetition import repeated
from graphdiff.autodiff.reverse import (
    REFUSALS,
    Request,
    check_fresh,
    has_derivative,
    is_variable,
    leading_to,
    located,
    recorded,
)
from graphdiff.autodiff.visits import kernels_of
from graphdiff.autodiff.walk import ancestors
from graphdiff.backend import Array
from graphdiff.leaf import constant
from graphdiff.recording import FAILURES
from graphdiff.tensor import Tensor, next_id


def differentiate(
    output: Tensor, upstream: Any = None, *, wrt: Sequence[Tensor] | Tensor | None = None
) -> Backward:
    """Differentiate ``output``; see :meth:`graphdiff.Tensor.backward`. Sets no ``grad``."""
    try:
        request = Request.of(output, upstream, wrt)
        # What the upstream gradient was computed from takes part in the derivatives of the record.
        plain = request.seed.primitive is None and request.seed is not upstream
        if plain and output.data is not None and context.current().trace is None:
            found = _Pass(request).run()
            if found is not None:
                return found
        return recorded(request)
    except REFUSALS as error:
        raise located(error, output)  # noqa: B904


def gradients(output: Tensor, xs: Sequence[Tensor]) -> list[Tensor] | None:
    """The gradients of a function's result by the leaves that it was called with, without history.

    Returns:
        ``None`` where they have one (something else that is recorded took part, or it is traced), or where
        the recorded sweep has to say what is wrong, or what is zero.
    """
    if context.current().trace is not None or output.data is None or not output.recorded:
        return None
    if not output.dtype.is_floating or any(x.primitive is not None for x in xs):
        return None
    try:
        found = _Pass(Request.of(output, None, None)).without_history(xs)
    except FAILURES:
        return None
    return found and [constant(g, x.spec, x.backend) for x, g in zip(xs, found, strict=True)]


class _Pass:
    """The state of one backward pass over arrays."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.gradients: dict[int, Array] = {}  # of leaves, of what is wanted, and of nodes yet to be visited
        self.leaves: dict[int, Tensor] = {}
        self.rough: list[Tensor] = []  # the nodes with an operand that they have no derivative by
        self.cells: dict[int, tuple[Tensor, Array]] = {}

    def run(self) -> Backward | None:
        """The record; ``None`` where the recorded sweep has to say what is wrong, or what is zero."""
        output, _, wanted = self.request
        try:
            found = self._variables() if wanted is None else self._asked_for(wanted)
        except FAILURES:
            return None
        if not found:
            return None
        again = partial(repeated, copy_context(), self.request, self.cells, next_id())
        return Backward(output, found, again, {t.id: self.gradients[t.id] for t in found})

    def _variables(self) -> tuple[Tensor, ...] | None:
        """All variables, if all of them were reached."""
        self._sweep(None)
        leaves = self._leaves()
        if any(is_variable(t) and i not in self.gradients for i, t in leaves.items()):
            return None
        return tuple(leaves[i] for i in sorted(leaves) if is_variable(leaves[i]))

    def without_history(self, xs: Sequence[Tensor]) -> list[Array] | None:
        """The gradients of the leaves that a function was called with; ``None`` where something else that is
        recorded took part, or one of them was not reached."""
        self._sweep(None)
        leaves = self._leaves()
        ours = {x.id for x in xs}
        if any(t.recorded and t.role != "backward" and i not in ours for i, t in leaves.items()):
            return None
        if any(i in ours and i not in self.gradients for i in leaves):
            return None
        return [self.gradients[x.id] if x.id in leaves else ops.zeros_like(x).data for x in xs]

    def _leaves(self) -> dict[int, Tensor]:
        """All recorded leaves, reached or lying behind what has no derivative."""
        edges = [(node, k) for node in self.rough for k in range(len(node.inputs))]
        blocked = [node.inputs[k] for node, k in edges if not has_derivative(node, k)]
        behind = {t.id: t for t in ancestors(*blocked) if t.primitive is None and t.recorded}
        return self.leaves | behind

    def _asked_for(self, wanted: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """What is wanted, if all of it that lies upstream was reached."""
        nodes = ancestors(self.request.output)
        self._sweep(leading_to(wanted, nodes))
        missed = {t.id: t for t in wanted if t.id not in self.gradients}
        if any(t.id in missed for t in nodes):
            return None
        self.gradients |= {i: ops.zeros_like(t).data for i, t in missed.items()}
        return wanted

    def _sweep(self, leading: Mapping[int, Any] | None) -> None:
        """Visit the nodes, the youngest first: all that use it have been visited then.

        Args:
            leading: the nodes that lead to what is wanted; ``None`` for all that are recorded.
        """
        output, seed, wanted = self.request
        asked = {t.id for t in wanted or ()}
        if leading is not None and output.id not in leading:
            return
        kernels = kernels_of(output.backend)
        gradients, nodes, heap = self.gradients, {output.id: output}, [-output.id]
        gradients[output.id] = seed.data
        with output.backend.quiet():
            while heap:
                i = -heappop(heap)
                node = nodes.pop(i)
                application = node.application
                if application is None:
                    self.leaves[i] = node
                    continue
                g = gradients[i] if i in asked else gradients.pop(i)
                if not application.smooth:
                    self.rough.append(node)
                visit = application.visits.get(kernels) or kernels.visit(node)
                visit(node, g, gradients, nodes, heap, leading, self._keep)

    def _keep(self, cell: Tensor, node: Tensor) -> None:
        """Remember the value that a cell has now."""
        if cell.changed_at > node.id:
            check_fresh(node)
        self.cells[cell.id] = cell, cell.data
