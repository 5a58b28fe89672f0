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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from heapq import heappush
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from graphdiff import context, ops
from graphdiff.autodiff.reverse import contribution, fit, has_derivative
from graphdiff.autodiff.walk import node_of
from graphdiff.backend import Array, Backend
from graphdiff.errors import GradientError, TracingError
from graphdiff.graph import TensorSpec
from graphdiff.leaf import LEAF, filled
from graphdiff.primitive import Application, Composite, Primitive, engine
from graphdiff.spelling import identifier
from graphdiff.tensor import Tensor

if TYPE_CHECKING:
    from graphdiff.compile.joint import JointCall

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
        contributed: dict[str, Tensor] = {}
        for argnum in application.edges:
            raw = contribution(node, argnum, g)
            fitted = ops.zeros_like(operands[argnum]) if raw is None else fit(raw, node, argnum)
            contributed[f"x{argnum}"] = fitted
        _write_all(writer, contributed, known)
        for x, fitted in contributed.items():
            _write_edge(writer, x, fitted, known)
    return writer.function("visit(node, g, gradients, nodes, heap, leading, keep)")


def _write_all(writer: _Writer, contributed: Mapping[str, Tensor], known: Mapping[int, str]) -> None:
    """All edges together, for when all are wanted, where joint kernels compute what several contribute."""
    calls = _joint_calls(list(contributed.values()), known, writer.backend)
    if not calls:
        return
    recorded = " and ".join(f"{x}.recorded" for x in contributed)
    led = " and ".join(f"{x}.id in leading" for x in contributed)
    with writer.block(f"if ({recorded}) if leading is None else ({led}):"):
        values = writer.values(list(contributed.values()), known, calls)
        for x, value in zip(contributed, values, strict=True):
            writer.add(f"i = {x}.id")
            _write_gradient(writer, x, value)
        writer.add("return")


def _write_edge(writer: _Writer, x: str, contributed: Tensor, known: Mapping[int, str]) -> None:
    writer.add(f"i = {x}.id")
    with writer.block(f"if {x}.recorded if leading is None else i in leading:"):
        (value,) = writer.values([contributed], known)
        _write_gradient(writer, x, value)


def _write_gradient(writer: _Writer, x: str, value: str) -> None:
    writer.add("if i in gradients:")
    writer.add(f"    gradients[i] = {writer.call('add', ['gradients[i]', value], {})}")
    writer.add("else:")
    writer.add(f"    gradients[i] = {value}")
    writer.add(f"    nodes[i] = {x}")
    writer.add("    heappush(heap, -i)")


def _joint_calls(
    results: Sequence[Tensor], known: Mapping[int, str], backend: Backend
) -> dict[int, JointCall]:
    """id -> the call of a joint kernel that computes it, of what is yet to be computed for the results."""
    from graphdiff.compile.joint import joined
    from graphdiff.compile.program import Program

    order = _uncomputed(results, known)
    computed = {t.id for t in order}
    leaves = {x.id: x for t in order for x in t.inputs if x.id not in computed}
    nodes = [replace(node_of(x), primitive=None, inputs=()) for x in leaves.values()]
    nodes += [node_of(t) for t in order]
    program = Program(tuple(nodes), tuple(leaves), tuple(t.id for t in results), {})
    return joined(program, backend.joints)[1]


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

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is added inside stands below this line."""
        self.add(head)
        self.indent += "    "
        yield
        self.indent = self.indent[4:]

    def values(
        self,
        results: Sequence[Tensor],
        known: Mapping[int, str],
        calls: Mapping[int, JointCall] = MappingProxyType({}),
    ) -> list[str]:
        """Write what computes tensors, each value dropped after its last use.

        Args:
            known: id -> the expression that has a tensor's value already.
            calls: id -> the call of a joint kernel that computes it.

        Returns:
            The expressions that have the results'.
        """
        names = dict(known)
        order = _uncomputed(results, names)
        last = {x.id: t.id for t in order for x in t.inputs} | dict.fromkeys(t.id for t in results)
        own = set()
        for t in order:
            if t.primitive is None or t.data is not None:
                names[t.id] = self._constant(t)
                continue
            args = [names[x.id] for x in t.inputs]
            if t.id in calls:
                if t.id not in names:
                    names |= self._together(calls[t.id], names)
                own.add(t.id)
            elif isinstance(t.primitive, Composite) and t.primitive.name not in self.kernels:
                names[t.id] = self._unfolded(t, t.primitive, args)
            else:
                names[t.id] = f"v{t.id}"
                own.add(t.id)
                self.add(f"v{t.id} = {self.call(t.primitive.name, args, t.params)}")
            dead = [names[i] for i in dict.fromkeys(x.id for x in t.inputs) if i in own and last[i] == t.id]
            if dead and names[t.id] not in dead:
                self.add(f"del {', '.join(dead)}")
        return [names[t.id] for t in results]

    def _together(self, call: JointCall, names: Mapping[int, str]) -> dict[int, str]:
        """The names of what a joint kernel computes."""
        made = {node.id: f"v{node.id}" for node in call.nodes}
        args = [names[i] for i in call.operands]
        self.add(f"{', '.join(made.values())} = {self._call('j', call.joint.kernel, args, call.params)}")
        return made

    def _unfolded(self, t: Tensor, composite: Composite, args: Sequence[str]) -> str:
        operands = [_stand_in(x.spec, self.backend) for x in t.inputs]
        known = {x.id: name for x, name in zip(operands, args, strict=True)}
        return self.values([composite.decompose(*operands, **t.params)], known)[0]

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
        return self._call(f"k_{identifier(primitive)}", kernel, args, params)

    def _call(self, prefix: str, kernel: Any, args: Sequence[str], params: Mapping[str, Any]) -> str:
        named = [f"{name}={self._named('p', value)}" for name, value in params.items()]
        return f"{self._named(prefix, kernel)}({', '.join([*args, *named])})"

    def _named(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def function(self, signature: str) -> Callable[..., Any]:
        text = "\n".join([f"def {signature}:", *self.lines]) + "\n"
        exec(compile(text, "<graphdiff visit>", "exec"), self.names)
        # Taken out, so that the function and its names do not keep each other alive.
        return self.names.pop(signature.partition("(")[0])  # type: ignore[no-any-return]


def _uncomputed(results: Sequence[Tensor], known: Mapping[int, str]) -> list[Tensor]:
    """What is yet to be computed for results, operands first."""
    found: dict[int, Tensor] = {}
    waiting = list(results)
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
