"""Reverse mode: one sweep from a tensor back to what it was computed from.

Each node is visited once, after all its users. Its upstream gradient is the sum of what its uses
contributed (one ``accumulate`` node where there are several). Each of its edges asks the primitive's rule
for a contribution, only where it leads to something wanted; broadcasting is undone here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

from graphdiff import context, ops, source
from graphdiff.arguments import check_kind, entries
from graphdiff.autodiff.record import Backward, Edge, Swept
from graphdiff.autodiff.walk import ancestors
from graphdiff.errors import DTypeError, GradientError, GraphdiffError, ShapeError
from graphdiff.leaf import leaf
from graphdiff.ops.reduction import sum_to
from graphdiff.tensor import Tensor, describe, present

REFUSALS = (GradientError, DTypeError, ShapeError)


def backward(
    output: Tensor, upstream: Any = None, *, wrt: Sequence[Tensor] | None = None, since: int = 0
) -> Backward:
    """Differentiate ``output``; see :meth:`graphdiff.Tensor.backward`. Sets no ``grad``, and records the
    backward graph at once.

    Args:
        since: tensors older than this id are taken as leaves.
    """
    try:
        return recorded(Request.of(output, upstream, wrt), since)
    except REFUSALS as error:
        raise located(error, output)  # noqa: B904


def located(error: GraphdiffError, output: Tensor) -> GraphdiffError:
    """The error, put down to the backward pass of a tensor."""
    error.locate("backward", describe([output]), source.describe(source.caller()))
    return error


class Request(NamedTuple):
    """What is to be differentiated.

    Attributes:
        seed: the upstream gradient of the output.
        wanted: the tensors whose gradients are asked for; ``None`` for all variables and parameters.
    """

    output: Tensor
    seed: Tensor
    wanted: tuple[Tensor, ...] | None

    @classmethod
    def of(cls, output: Tensor, upstream: Any, wrt: Sequence[Tensor] | Tensor | None) -> Self:
        """The request, checked."""
        _check_output(output)
        if wrt is not None:
            wrt = (wrt,) if isinstance(wrt, Tensor) else entries("wrt", wrt)
        for t in wrt or ():
            check_kind("wrt", t, Tensor, "give tensors: wrt=[x, y]")
        wanted = None if wrt is None else tuple(map(present, wrt))
        for t in wanted or ():
            if not t.dtype.is_floating:
                raise DTypeError(
                    f"{t.label} is {t.dtype}: only floating tensors have gradients",
                    fix="make it floating: x.astype('float64') or variable(1.0)",
                )
        return cls(output, _seed(output, upstream), wanted)


def recorded(request: Request, since: int = 0) -> Backward:
    """The record of a sweep made at once."""
    sweep = _Sweep(request, since)
    swept = sweep.run(check_fresh)
    return Backward(request.output, sweep.wanted, swept)


def swept_again(request: Request) -> Swept:
    """The sweep that repeats a pass over arrays, which has looked at the cells."""
    return _Sweep(request, 0).run(lambda node: None)


def pullback(fn: Callable[..., Tensor], inputs: Sequence[Tensor], argnum: int, g: Tensor) -> Tensor:
    """The vjp of a function with respect to one input, connected to all inputs and to ``g``."""
    keep = context.current().recording
    with context.recording():
        x = fresh(inputs[argnum])
        out = fn(*(x if i == argnum else t for i, t in enumerate(inputs)))
        if not out.recorded:
            return ops.zeros_like(x)
        gradient = backward(out, g, wrt=[x])[x]
    return gradient if keep else detached(gradient)


def fresh(x: Tensor) -> Tensor:
    """A node of its own with the value of x, to differentiate with respect to; x stays its ancestor if it
    is recorded, so that derivatives nest."""
    x = present(x)
    if x.recorded:
        return ops.identity(x).named(x.name)
    return leaf(x, role="input", recorded=True, name=x.name, backend=x.backend)


def detached(t: Tensor) -> Tensor:
    """The value without its history; a tensor without a value is all history."""
    return t if t.data is None or not t.recorded else leaf(t, name=t.name, backend=t.backend)


class _Sweep:
    """The state of one backward pass."""

    def __init__(self, request: Request, since: int) -> None:
        self.output, self.seed, wanted = request
        self.since = since
        self.nodes = ancestors(self.output, since=since)
        self.by_id = {t.id: t for t in self.nodes}
        self.explicit = wanted is not None
        self.wanted = tuple(filter(is_variable, self.nodes)) if wanted is None else wanted
        self.pending: dict[int, list[Tensor]] = {}
        self.upstream: dict[int, Tensor] = {}
        self.raw: dict[Edge, Tensor] = {}
        self.summed: dict[Edge, Tensor] = {}
        self.within = context.current().origin  # the forward node whose rule asks for this sweep

    def run(self, check: Callable[[Tensor], None]) -> Swept:
        leading = leading_to(self.wanted, self.nodes, self.since)
        if self.output.id in leading:
            self.pending[self.output.id] = [self.seed]
        with context.backward_pass():
            for node in reversed(self.nodes):
                if node.id in self.pending:
                    check(node)
                    self._visit(node, leading[node.id])
            self._check_reached()
            for t in self.wanted:
                if t.id not in self.upstream:
                    self.upstream[t.id] = ops.zeros_like(t)
        return Swept(self.by_id, self.upstream, self.raw, self.summed)

    def _visit(self, node: Tensor, argnums: list[int]) -> None:
        origin = node.id if self.within is None else self.within
        context.enter_backward(node.context.scope, origin, node.source)
        parts = self.pending.pop(node.id)
        g = self.upstream[node.id] = parts[0] if len(parts) == 1 else ops.accumulate(*parts)
        for argnum in argnums:
            operand = node.inputs[argnum]
            raw = contribution(node, argnum, g)
            if raw is None:  # the derivative is zero
                raw = ops.zeros_like(operand)
            self.raw[node.id, argnum] = raw
            fitted = raw if raw.spec is operand.spec else fit(raw, node, argnum)
            self.summed[node.id, argnum] = fitted
            self.pending.setdefault(operand.id, []).append(fitted)

    def _check_reached(self) -> None:
        """What was wanted and lies upstream must have been reached by a derivative."""
        missed = [t for t in self.wanted if t.id in self.by_id and t.id not in self.upstream]
        lost = {t.id: lost_at(self.output, self.nodes, t) for t in missed}
        if self.wanted and not self.explicit and len(missed) < len(self.wanted):
            self.wanted = tuple(t for t in self.wanted if not lost.get(t.id))
            return
        blocks = [(t, sorted({_place(n) for n in lost[t.id]})) for t in missed]
        names = ", ".join(t.label for t, places in blocks if places)
        if names or not self.wanted:
            places = ", ".join(dict.fromkeys(place for _, places in blocks for place in places))
            raise GradientError(
                f"no path with a derivative leads from {self.output.label} to {names or 'any variable'}"
                + (f"; without a derivative: {places}" if places else ""),
                fix="use operations that have a derivative, or stop_gradient where zero is meant",
            )


def is_variable(t: Tensor) -> bool:
    """Whether it is differentiated by unless something else is asked for."""
    return (
        t.application is None and t.recorded and t.role in ("input", "parameter") and t.spec.dtype.is_floating
    )


def leading_to(wanted: Sequence[Tensor], nodes: Sequence[Tensor], since: int = 0) -> dict[int, list[int]]:
    """The nodes from which something wanted is reached through edges that have a derivative, and the
    argument numbers of those edges. Nodes older than the id ``since`` are leaves."""
    leading: dict[int, list[int]] = {t.id: [] for t in wanted}
    for node in nodes:
        if node.id <= since:
            continue
        edges = [k for k, t in enumerate(node.inputs) if t.id in leading and has_derivative(node, k)]
        if edges:
            leading[node.id] = edges
    return leading


def lost_at(output: Tensor, nodes: Sequence[Tensor], wanted: Tensor) -> list[Tensor]:
    """The nodes at which paths from a tensor to the output lose their derivative.

    Not those inside or below a backward pass: there a comparison is the mask of a piecewise derivative,
    which is constant almost everywhere, so that the second derivative of a ReLU is zero. And not those
    under ``no_grad``, where zero was asked for.
    """
    below, above = {wanted.id}, _above_backward_passes(output, nodes)
    found = []
    for node in nodes:
        for k, x in enumerate(node.inputs):
            if x.id in below:
                below.add(node.id)
                if node.id in above and node.context.recording and not has_derivative(node, k):
                    found.append(node)
    return found


def _above_backward_passes(output: Tensor, nodes: Sequence[Tensor]) -> set[int]:
    """The nodes on the way from the output down to where other backward passes begin."""
    reached, found = {output.id}, set()
    for node in reversed(nodes):
        if node.id in reached and node.role != "backward":
            found.add(node.id)
            reached.update(x.id for x in node.inputs)
    return found


def has_derivative(node: Tensor, argnum: int) -> bool:
    """Whether the edge from an operand to a node has a derivative."""
    # While tracing, what no_grad computed is recorded all the same.
    return node.application is not None and argnum in node.application.edges and node.context.recording


def contribution(node: Tensor, argnum: int, g: Tensor) -> Tensor | None:
    """What one edge passes back for an upstream gradient, before broadcasting is undone."""
    assert node.primitive is not None
    rule = node.primitive.rule(argnum)
    assert rule is not None
    return rule(g, node, *node.inputs, **node.params)


def fit(raw: Tensor, node: Tensor, argnum: int) -> Tensor:
    """The contribution in the operand's shape.

    Raises:
        GradientError: the rule broke its contract.
    """
    operand = node.inputs[argnum]
    assert node.primitive is not None
    if raw.dtype != operand.dtype:
        raise GradientError(
            f"the vjp of {node.primitive.name!r} for operand {argnum} gave {raw.spec!r}, the operand is "
            f"{operand.spec!r}",
            fix="have the rule return the operand's dtype",
        )
    if raw.shape == operand.shape:
        return raw
    try:
        return ops.broadcast_to(sum_to(raw, operand.shape), operand.shape)
    except (ShapeError, IndexError):
        raise GradientError(
            f"the vjp of {node.primitive.name!r} for operand {argnum} gave shape {raw.shape}, which does "
            f"not reduce to the operand's {operand.shape}",
            fix="have the rule return a shape that the operand broadcasts to",
        ) from None


def _check_output(output: Tensor) -> None:
    if not output.dtype.is_floating:
        raise DTypeError(
            f"{output.label} is {output.dtype}: only floating tensors have gradients",
            fix="differentiate a floating result",
        )
    if not output.recorded:
        raise GradientError(
            f"{output.label} was not recorded: it depends on no variable or parameter, or was computed "
            "under no_grad",
            fix="make the inputs with graphdiff.variable(...) and compute outside no_grad",
        )


def _seed(output: Tensor, upstream: Any) -> Tensor:
    if upstream is None:
        if output.size != 1:
            raise GradientError(
                f"{output.label} has shape {output.shape}, and a gradient starts from one number",
                fix="reduce it (.sum(), .mean()) or give the upstream gradient: backward(g)",
            )
        upstream = ops.ones_like(output)
    upstream = present(upstream) if isinstance(upstream, Tensor) else upstream
    if isinstance(upstream, Tensor) and upstream.recorded:
        seed = upstream
    else:
        seed = leaf(upstream, output.dtype, role="backward", recorded=True, backend=output.backend, copy=True)
        seed.named(f"∂{output.name}/∂{output.name}" if output.name else "upstream")
    if seed.spec is not output.spec:
        raise ShapeError(
            f"the upstream gradient is {seed.spec!r}, the tensor {output.spec!r}",
            fix="give an upstream gradient of the tensor's shape and dtype",
        )
    return seed


def _place(node: Tensor) -> str:
    assert node.primitive is not None
    where = source.describe(node.source)
    return f"{node.primitive.name} ({where})" if where else node.primitive.name


def check_fresh(node: Tensor) -> None:
    """Refuse to differentiate a node whose operands have new values: rules read their present ones.

    Raises:
        GradientError: a cell among the operands was assigned to since.
    """
    for operand in node.inputs:
        if operand.changed_at > node.id:
            raise GradientError(
                f"{operand.label} was given a new value after {node.label} was computed from it",
                fix="call backward() before the update, or run the forward pass again",
            )
