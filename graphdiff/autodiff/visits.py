"""Visits: what the backward pass does at one node, as a small generated function over arrays.

The vjp rules of a primitive at certain specs are traced once, on tensors without values, and become
straight-line Python. It adds to each operand's gradient what the operand's edge contributes, in the order in
which the recorded sweep (:mod:`graphdiff.autodiff.reverse`) would and by the same kernels: what comes of it
is equal to the last bit. For a product on NumPy::

    def visit(node, g, gradients, nodes, heap, leading, keep):
        x0, x1, = node.inputs
        if x0.is_cell: keep(x0, node)
        if x1.is_cell: keep(x1, node)
        i = x0.id
        if x0.recorded if leading is None else i in leading:
            v7 = g * x1.data
            if i in gradients:
                gradients[i] = gradients[i] + v7
            else:
                gradients[i] = v7
                nodes[i] = x0
                heappush(heap, -i)
        ...
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from heapq import heappush
from typing import Any
from weakref import WeakKeyDictionary

from graphdiff import context, ops
from graphdiff.autodiff.reverse import contribution, fit, has_derivative
from graphdiff.backend import Array, Backend
from graphdiff.errors import GradientError, TracingError
from graphdiff.graph import TensorSpec
from graphdiff.leaf import LEAF, filled
from graphdiff.primitive import Application, Composite, Primitive, engine
from graphdiff.spelling import identifier
from graphdiff.tensor import Tensor

Visit = Callable[..., None]
# Kernels that Python has an operator for.
_INFIX: dict[Any, str] = {
    operator.add: "{} + {}",
    operator.sub: "{} - {}",
    operator.mul: "{} * {}",
    operator.truediv: "{} / {}",
    operator.neg: "-{}",
}


def generated(primitive: Primitive, application: Application, backend: Backend) -> Visit:
    """The visit of the nodes of one application.

    Raises:
        TracingError: a rule that needs values, or closes over tensors with a history.
        GraphdiffError: a rule that breaks its contract.
    """
    with context.apart():
        operands = [_stand_in(spec, backend) for spec in application.specs]
        g = _stand_in(application.spec, backend)
        node = engine.call(primitive, tuple(operands), application.params)
        known = {g.id: "g", node.id: "node.data"} | {x.id: f"x{k}.data" for k, x in enumerate(operands)}
        writer = _Writer(backend)
        writer.add(f"{''.join(f'x{k}, ' for k in range(len(operands)))}= node.inputs")
        for k in range(len(operands)):
            writer.add(f"if x{k}.is_cell: keep(x{k}, node)")
        for argnum in application.edges:
            raw = contribution(node, argnum, g)
            fitted = ops.zeros_like(operands[argnum]) if raw is None else fit(raw, node, argnum)
            _write_edge(writer, f"x{argnum}", fitted, known)
    return writer.function("visit(node, g, gradients, nodes, heap, leading, keep)")


def _write_edge(writer: _Writer, x: str, contributed: Tensor, known: Mapping[int, str]) -> None:
    writer.add(f"i = {x}.id")
    writer.add(f"if {x}.recorded if leading is None else i in leading:")
    writer.indent += "    "
    value = writer.value(contributed, known)
    writer.add("if i in gradients:")
    writer.add(f"    gradients[i] = {writer.call('add', ['gradients[i]', value], {})}")
    writer.add("else:")
    writer.add(f"    gradients[i] = {value}")
    writer.add(f"    nodes[i] = {x}")
    writer.add("    heappush(heap, -i)")
    writer.indent = writer.indent[4:]


def _stand_in(spec: TensorSpec, backend: Backend) -> Tensor:
    return filled(Tensor(), None, spec, backend, LEAF["input"], True)


class _Writer:
    """A function under way."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.kernels = backend.bare_kernels()
        self.names: dict[str, Any] = {"heappush": heappush}
        self.lines: list[str] = []
        self.indent = "    "

    def add(self, line: str) -> None:
        self.lines.append(self.indent + line)

    def value(self, result: Tensor, known: Mapping[int, str]) -> str:
        """Write what computes a tensor, each value dropped after its last use.

        Args:
            known: id -> the expression that has a tensor's value already.

        Returns:
            The expression that has the result's.
        """
        names = dict(known)
        order = _uncomputed(result, names)
        last = {x.id: t.id for t in order for x in t.inputs}
        own = set()
        for t in order:
            if t.primitive is None or t.data is not None:
                names[t.id] = self._constant(t)
                continue
            args = [names[x.id] for x in t.inputs]
            if isinstance(t.primitive, Composite) and t.primitive.name not in self.kernels:
                names[t.id] = self._unfolded(t, t.primitive, args)
            else:
                names[t.id] = f"v{t.id}"
                own.add(t.id)
                self.add(f"v{t.id} = {self.call(t.primitive.name, args, t.params)}")
            dead = [names[i] for i in dict.fromkeys(x.id for x in t.inputs) if i in own and last[i] == t.id]
            if dead and names[t.id] not in dead:
                self.add(f"del {', '.join(dead)}")
        return names[result.id]

    def _unfolded(self, t: Tensor, composite: Composite, args: Sequence[str]) -> str:
        operands = [_stand_in(x.spec, self.backend) for x in t.inputs]
        known = {x.id: name for x, name in zip(operands, args, strict=True)}
        return self.value(composite.decompose(*operands, **t.params), known)

    def _constant(self, t: Tensor) -> str:
        if t.data is None or t.is_cell or t.recorded:
            raise TracingError(f"{t.label} may have another value at every visit")
        return self._named("c", t.data)

    def call(self, primitive: str, args: Sequence[str], params: Mapping[str, Any]) -> str:
        """The expression that calls a kernel."""
        if primitive == "accumulate":
            return functools.reduce(lambda total, part: self.call("add", [total, part], {}), args)
        kernel = self.kernels[primitive]
        if kernel in _INFIX:
            return _INFIX[kernel].format(*args)
        named = [f"{name}={self._named('p', value)}" for name, value in params.items()]
        return f"{self._named('k_' + identifier(primitive), kernel)}({', '.join([*args, *named])})"

    def _named(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def function(self, signature: str) -> Callable[..., Any]:
        text = "\n".join([f"def {signature}:", *self.lines]) + "\n"
        exec(compile(text, "<graphdiff visit>", "exec"), self.names)
        # Taken out, so that the function and its names do not keep each other alive.
        return self.names.pop(signature.partition("(")[0])  # type: ignore[no-any-return]


def _uncomputed(result: Tensor, known: Mapping[int, str]) -> list[Tensor]:
    """What is yet to be computed for a result, operands first."""
    found: dict[int, Tensor] = {}
    waiting = [result]
    while waiting:
        t = waiting.pop()
        if t.id not in known and t.id not in found:
            found[t.id] = t
            if t.data is None:
                waiting += t.inputs
    return [found[i] for i in sorted(found)]


class _Kernels:
    """A backend's kernels as they are; visits made with them are known by it."""

    def __init__(self, backend: Backend) -> None:
        self.table = dict(backend.kernels)

    def visit(self, node: Tensor) -> Visit:
        """What to do at a node whose application has no visit yet. One is generated when it is met the
        second time: that costs as much as some tens of nodes visited by their rules."""
        application, primitive = node.application, node.primitive
        assert application is not None
        assert primitive is not None
        if not primitive.repeatable:
            raise GradientError(f"the derivatives of {node.label} are not to be worked out twice")
        if self not in application.visits:
            application.visits[self] = None
            return _visit_by_rules
        try:
            visit = generated(primitive, application, node.backend)
        except Exception:  # a stranger's rule may need values, and raise whatever it likes without
            visit = _visit_by_rules
        application.visits[self] = visit
        return visit


_known: WeakKeyDictionary[Backend, _Kernels] = WeakKeyDictionary()


def kernels_of(backend: Backend) -> _Kernels:
    """The backend's kernels as they are now."""
    found = _known.get(backend)
    if found is None or found.table != backend.kernels:  # one of them was replaced
        found = _known[backend] = _Kernels(backend)
    return found


def _visit_by_rules(
    node: Tensor,
    g: Array,
    gradients: dict[int, Array],
    nodes: dict[int, Tensor],
    heap: list[int],
    leading: Mapping[int, Any] | None,
    keep: Callable[[Tensor, Tensor], None],
) -> None:
    """What a generated visit does, by the rules themselves."""
    for x in node.inputs:
        if x.is_cell:
            keep(x, node)
    upstream = filled(Tensor(), g, node.spec, node.backend, LEAF["backward"])
    for k, x in enumerate(node.inputs):
        i = x.id
        if (x.recorded if leading is None else i in leading) and has_derivative(node, k):
            with context.no_grad():
                raw = contribution(node, k, upstream)
                part = (ops.zeros_like(x) if raw is None else fit(raw, node, k)).data
            if i in gradients:
                gradients[i] = node.backend.kernels["accumulate"](gradients[i], part)
            else:
                gradients[i] = part
                nodes[i] = x
                heappush(heap, -i)
