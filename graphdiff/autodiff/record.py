"""The record of a backward pass: every gradient, edge by edge, and the graph that computed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

from graphdiff import ops
from graphdiff.arguments import check_integers, check_kind
from graphdiff.autodiff.walk import ancestors, graph_of
from graphdiff.backend import Array
from graphdiff.errors import ArgumentError, GradientError
from graphdiff.graph import Graph, Node
from graphdiff.leaf import constant
from graphdiff.tensor import Tensor, present

Edge = tuple[int, int]
Place = Tensor | Node | str | int
MOST_LOCAL = 1 << 16


class Swept(NamedTuple):
    """What a recorded sweep leaves behind: forward tensors by id, and the gradients of nodes and edges."""

    nodes: Mapping[int, Tensor]
    upstream: Mapping[int, Tensor]
    raw: Mapping[Edge, Tensor]
    summed: Mapping[Edge, Tensor]


class Backward:
    """What ``backward()`` found.

    ``record[x]`` is the gradient of a tensor of the forward graph, itself a tensor of the backward graph.
    Tensors may also be named by their name, their :class:`Node` or their id.

    The backward graph need not exist from the start: where ``backward()`` worked on arrays alone, it is
    recorded when something of it is asked for, with the same values to the last bit.

    Attributes:
        output: what was differentiated.
        wanted: the tensors whose gradients were asked for.
    """

    def __init__(
        self,
        output: Tensor,
        wanted: tuple[Tensor, ...],
        swept: Swept | Callable[[], Swept],
        values: Mapping[int, Array] = MappingProxyType({}),
    ) -> None:
        """``values``: the wanted gradients that are known as arrays, by id."""
        self.output = output
        self.wanted = wanted
        self._found = swept
        self._values = values
        self._lock = Lock()

    @property
    def _swept(self) -> Swept:
        if not isinstance(self._found, Swept):
            with self._lock:
                if not isinstance(self._found, Swept):
                    self._found = self._found()
        return self._found

    def value(self, t: Tensor) -> Array:
        """The gradient of a tensor as the backend's array; ``None`` while tracing.

        Raises:
            ArgumentError, GradientError: as for :meth:`upstream`.
        """
        known = isinstance(t, Tensor) and t.id in self._values
        return self._values[t.id] if known else self.upstream(t).data

    def gradient(self, t: Tensor) -> Tensor:
        """The gradient of a tensor to compute with: where its value is known it has no history, and the
        backward graph need not be recorded for it.

        Raises:
            ArgumentError, GradientError: as for :meth:`upstream`.
        """
        found = self._values.get(t.id) if isinstance(t, Tensor) else None
        return self.upstream(t) if found is None else constant(found, t.spec, t.backend)

    def tensor(self, place: Place) -> Tensor:
        """The forward tensor that a tensor, node, id or name means.

        Raises:
            ArgumentError: nothing of that kind, or several of that name, in the forward graph.
        """
        if isinstance(place, str):
            named = [t for t in self._swept.nodes.values() if t.name == place]
            if len(named) == 1:
                return named[0]
            names = sorted({t.name for t in self._swept.nodes.values() if t.name})
            raise ArgumentError(
                f"{len(named)} tensors of this graph are named {place!r}",
                fix=f"named are: {', '.join(names)}",
            )
        if isinstance(place, Tensor):
            place = present(place)
        check_kind("place", place, (Tensor, Node, int), "give a tensor of the graph, or its name")
        id = place if isinstance(place, int) else place.id
        if id in self._swept.nodes:
            return self._swept.nodes[id]
        for t in self.wanted:  # asked for, and not used by the output: its gradient is zero
            if t.id == id:
                return t
        label = place if isinstance(place, int) else place.label
        raise ArgumentError(
            f"{label} took no part in computing {self.output.label}",
            fix="ask for a tensor of the graph that was differentiated",
        )

    def __getitem__(self, place: Place) -> Tensor:
        return self.upstream(place)

    def __contains__(self, place: Place) -> bool:
        """Whether the gradient of a tensor is known."""
        if isinstance(place, Tensor) and place.id in self._values:
            return True
        try:
            return self.tensor(place).id in self._swept.upstream
        except ArgumentError:
            return False

    def upstream(self, place: Place) -> Tensor:
        """The gradient of the output with respect to a node: the sum over its uses.

        Raises:
            GradientError: nothing wanted lies beyond this node, so its gradient was not computed.
        """
        t = self.tensor(place)
        if t.id not in self._swept.upstream:
            raise GradientError(
                f"the gradient of {t.label} was not needed for {', '.join(w.label for w in self.wanted)}",
                fix="ask for it: backward(wrt=[...])",
            )
        return self._swept.upstream[t.id]

    @property
    def gradients(self) -> Mapping[int, Tensor]:
        """The gradient of every node that has one, by the node's id."""
        return self._swept.upstream

    def contribution(self, place: Place, argnum: int) -> Tensor:
        """What the edge from operand ``argnum`` to a node passed back to the operand.

        Local gradient times upstream gradient. For an elementwise primitive it has the shape of the
        node's output, before broadcasting is undone; else the operand's shape.
        """
        t, edge = self._edge(place, argnum)
        assert t.primitive is not None
        return (self._swept.raw if t.primitive.elementwise else self._swept.summed)[edge]

    def passed(self, place: Place, argnum: int) -> Tensor:
        """The same in the operand's shape, as it was added to the operand's gradient."""
        _, edge = self._edge(place, argnum)
        return self._swept.summed[edge]

    def local(self, place: Place, argnum: int) -> Tensor:
        """The local gradient of an edge: of a node's output with respect to its operand ``argnum``.

        For an elementwise primitive the derivative of every element, of the output's shape; else the
        Jacobian, of shape (output shape, operand shape).

        Raises:
            GradientError: no such edge in the backward pass, or a Jacobian of more than 65,536 entries,
                for which the message gives the formula.
        """
        from graphdiff.autodiff.reverse import check_fresh, contribution

        t, _ = self._edge(place, argnum)
        check_fresh(t)
        operand = t.inputs[argnum]
        assert t.primitive is not None
        if t.primitive.elementwise:
            found = contribution(t, argnum, ops.ones_like(t))
            return ops.zeros_like(t) if found is None else found
        if t.size * operand.size > MOST_LOCAL:
            formula = (
                t.primitive.formula[min(argnum, len(t.primitive.formula) - 1)] if t.primitive.formula else "?"
            )
            raise GradientError(
                f"the Jacobian of {t.label} by operand {argnum} has {t.size}×{operand.size} entries",
                fix=f"its formula: {formula}",
            )
        return self._jacobian(t, argnum)

    def _jacobian(self, t: Tensor, argnum: int) -> Tensor:
        from graphdiff.autodiff.reverse import contribution, fit

        operand = t.inputs[argnum]
        rows = []
        for row in ops.eye(t.size, dtype=t.dtype):
            found = contribution(t, argnum, ops.reshape(row, t.shape))
            rows.append(ops.zeros_like(operand) if found is None else fit(found, t, argnum))
        empty = ops.zeros((0, *operand.shape), operand.dtype)
        return ops.reshape(ops.stack(rows) if rows else empty, t.shape + operand.shape)

    def _edge(self, place: Place, argnum: int) -> tuple[Tensor, Edge]:
        t = self.tensor(place)
        check_integers(argnum=argnum)
        if (t.id, argnum) not in self._swept.raw:
            raise GradientError(
                f"no gradient flowed from {t.label} to its operand {argnum} (it has {len(t.inputs)})",
                fix="ask for an edge that leads to a wanted tensor",
            )
        return t, (t.id, argnum)

    def edges(self) -> list[tuple[Tensor, int]]:
        """Every edge that a gradient flowed along, as (node, argument number)."""
        return [(self._swept.nodes[id], argnum) for id, argnum in self._swept.raw]

    @cached_property
    def forward_graph(self) -> Graph:
        """The graph that was differentiated."""
        return graph_of([self.output], self._swept.nodes.values())

    @cached_property
    def graph(self) -> Graph:
        """Forward and backward in one graph; outputs are the output and the wanted gradients."""
        results = [self.output, *(self._swept.upstream[t.id] for t in self.wanted)]
        return graph_of(results)

    @cached_property
    def tensors(self) -> dict[int, Tensor]:
        """id -> tensor, for every node of :attr:`graph`."""
        return {t.id: t for t in ancestors(self.output, *(self._swept.upstream[t.id] for t in self.wanted))}

    def __repr__(self) -> str:
        names = ", ".join(f"∂{self.output.label}/∂{t.label}" for t in self.wanted[:6])
        return f"<Backward of {self.output.label}: {names}{', …' if len(self.wanted) > 6 else ''}>"
