"""Runs: a computation with the value of every node, whatever it was that computed it.

What was computed eagerly has its values already. A model, a training step or a compiled function is traced
and computed anew, node by node: from the same arguments, parameters and keys, so with the same results, and
without writing to any cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from inspect import signature, unwrap
from typing import Any

from graphdiff import context
from graphdiff.arguments import check_functions, kind_of
from graphdiff.autodiff import Backward
from graphdiff.autodiff.walk import ancestors, graph_of
from graphdiff.backend import Backend, current_backend
from graphdiff.compile.function import Compiled
from graphdiff.compile.trace import Traced, is_array, trace_call
from graphdiff.errors import ArgumentError
from graphdiff.graph import Graph, Node
from graphdiff.leaf import as_tensor, constant
from graphdiff.module import Module, Parameter
from graphdiff.pytree import flatten
from graphdiff.tensor import Tensor

Loss = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class Run:
    """A graph and what its nodes came to.

    Attributes:
        graph: the nodes, of all passes that were made.
        values: id -> value; a cell that was given another value since has none.
        gradients: id of a forward node -> id of the node that is its gradient; empty without a backward pass.
        differentiated: whether there was a backward pass.
    """

    graph: Graph
    values: Mapping[int, Tensor]
    gradients: Mapping[int, int]
    differentiated: bool

    @cached_property
    def forward(self) -> list[Node]:
        """The nodes of the forward pass, leaves among them."""
        return [node for node in self.graph if node.role not in ("backward", "update")]

    def origin(self, node: Node) -> Node | None:
        """The forward node that a node of the backward pass came from."""
        return self._by_id.get(node.origin) if node.origin is not None else None

    @cached_property
    def _by_id(self) -> dict[int, Node]:
        return {node.id: node for node in self.graph}


def run_of(target: Any, args: Sequence[Any] = (), loss: Loss | None = None) -> Run:
    """The run of a target.

    Args:
        target: a tensor; the record of a backward pass; a graph, which has no values; a trainer, a module or
            any function, compiled or not, which is run on ``args``.
        loss: for a module, ``loss(model(args[0]), *args[1:])`` is differentiated.

    Raises:
        ArgumentError: nothing that can be run, or no value at hand.
        TracingError: a function that needs the value of a tensor.
    """
    from graphdiff.train.trainer import Trainer

    if isinstance(target, (Tensor, Backward, Graph)) and (args or loss is not None):
        raise ArgumentError(
            f"{kind_of(target)} was computed already, and takes no arguments", fix="give it alone"
        )
    if isinstance(target, Graph):
        return Run(target, {}, {}, any(node.role == "backward" for node in target))
    if isinstance(target, Backward):
        return _of_record(target)
    if isinstance(target, Tensor):
        return _of_tensors([target], {}, False)
    if isinstance(target, Trainer):
        return _of_step(target.objective, target.trained(), args)
    if loss is not None:
        check_functions(loss=loss)
    if isinstance(target, Module):
        _check_arguments(target.forward, args[:1] if loss else args, type(target).__name__)
        if loss is None:
            return _of_function(target, args)
        wanted = [p for p in target.parameters() if not p.frozen]
        return _of_step(lambda x, *targets: loss(target(x), *targets), wanted, args)
    if callable(target) and loss is None:
        return _of_function(unwrap(target, stop=lambda f: not isinstance(f, Compiled)), args)
    if callable(target):
        raise ArgumentError("a function has no loss besides its own", fix="give a module, or leave out loss=")
    raise ArgumentError(
        f"{kind_of(target)} cannot be run",
        fix="give a tensor, the record that backward() returns, a trainer, a module or a function",
    )


def _check_arguments(fn: Callable[..., Any], args: Sequence[Any], name: str) -> None:
    try:
        signature(fn).bind(*args)
    except TypeError as problem:
        raise ArgumentError(
            f"{name} cannot be run on {len(args)} arguments: {problem}",
            fix="give what it is called with: diagnose(model, x) or diagnose(model, x, labels, loss=…)",
        ) from None


def _of_record(record: Backward) -> Run:
    gradients = {i: g.id for i, g in record.gradients.items()}
    return _of_tensors([record.output, *record.gradients.values()], gradients, True)


def _of_tensors(results: Sequence[Tensor], gradients: Mapping[int, int], differentiated: bool) -> Run:
    tensors = ancestors(*results)
    if any(t.data is None for t in tensors):
        raise ArgumentError(
            "the tensor was traced, and has no value", fix="give the function itself, with its arguments"
        )
    youngest = {x.id: t.id for t in reversed(tensors) for x in t.inputs}
    values = {t.id: t for t in tensors if t.changed_at <= youngest.get(t.id, t.changed_at)}
    return Run(graph_of(results, tensors), values, gradients, differentiated)


def _of_function(fn: Callable[..., Any], args: Sequence[Any]) -> Run:
    leaves, structure = flatten((tuple(args), {}))
    traced = trace_call(fn, leaves, structure)
    differentiated = any(node.role == "backward" for node in traced.graph)
    return Run(traced.graph, computed(traced, leaves), {}, differentiated)


def _of_step(objective: Loss, wanted: Sequence[Parameter], args: Sequence[Any]) -> Run:
    """The objective and its gradients, as a training step computes them."""
    found: dict[int, int] = {}

    @wraps(objective)
    def step(*batch: Any) -> Any:
        loss = objective(*batch)
        record = loss.backward(wrt=wanted)
        found.update({i: g.id for i, g in record.gradients.items()})
        return loss, tuple(record.gradients.values())

    run = _of_function(step, args)
    return Run(run.graph, run.values, found, True)


def computed(traced: Traced, leaves: Sequence[Any]) -> dict[int, Tensor]:
    """The value of every node of a traced function for these arguments."""
    given = [as_tensor(leaf) for leaf in leaves if is_array(leaf)]
    cells = [(i, cell) for cell, i in traced.read]
    home = _home([*given, *(cell for _, cell in cells)])
    known = [*zip(traced.inputs, given, strict=True), *cells, *traced.graph.constants.items()]
    values = {i: _moved(t, home) for i, t in known}
    with context.no_grad():
        for node in traced.graph:
            if node.id not in values:
                values[node.id] = apply(node, [values[i] for i in node.inputs])
    return values


def apply(node: Node, operands: Sequence[Tensor]) -> Tensor:
    """The value of a node."""
    assert node.primitive is not None
    return node.primitive(*operands, **node.params)


def _home(tensors: Iterable[Tensor]) -> Backend:
    return next((t.backend for t in tensors), current_backend())


def _moved(t: Tensor, home: Backend) -> Tensor:
    """The present value of a tensor on a backend, without history."""
    data = t.data if t.backend is home else home.asarray(t.numpy(), t.dtype)
    return constant(data, t.spec, home)
