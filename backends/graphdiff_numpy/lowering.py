"""A program as straight-line NumPy: results written into buffers that are kept between calls.

The first call runs without buffers, as eagerly, and shows in which layout each value comes out; buffers
keep these layouts, because the order in which NumPy sums follows them. Arguments whose elements lie in
another order get buffers of their own, so the same holds for them. Which value lives in which buffer is
planned once (:mod:`graphdiff_numpy.planning`), and groups of elementwise operations on large arrays run
block by block (:mod:`graphdiff_numpy.blocked`). The same ufuncs run on the same operands in the same order
as eagerly, so the results are equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.compile.executable import Executable, Run, assemble, body, call, joint_statement
from graphdiff.compile.joint import JointCall, joined
from graphdiff.compile.passes import relus_by_result
from graphdiff.compile.passes.fusion import elementwise_groups
from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff.kernels import Kernels
from graphdiff_numpy.blocked import Blocked, suits
from graphdiff_numpy.kernels import RAW
from graphdiff_numpy.memory import Layout, Lent
from graphdiff_numpy.planning import JOINT_WRITERS, plan, takes_out, used_outside
from graphdiff_numpy.scalars import scalar_program

if TYPE_CHECKING:
    from graphdiff_numpy.backend import NumpyBackend

Array = Any
_MOST_PLANNED = 4  # orders of the arguments' elements that have buffers of their own


class Lowered:
    """The executable of a program; see the module's docstring.

    Attributes:
        source: the generated Python; with buffers from the second call on.
    """

    def __init__(self, program: Program, backend: NumpyBackend) -> None:
        built_in = backend.built_in.items()
        self._backend = backend
        self._table = {name: RAW[name] for name, kernel in built_in if backend.kernels[name] is kernel}
        self._joints = backend.joints
        self._program = program = relus_by_result(program, self._table)
        self._layouts: dict[int, Layout] = {}
        self._first = self._latest = self._probe()
        self._scalar = scalar_program(program, self._table, self._first)
        self._planned: dict[tuple[Any, ...], Executable] = {}  # by the strides of the arguments

    @property
    def source(self) -> str:
        return (self._scalar or self._latest).source

    @property
    def run(self) -> Run:
        return self._call if self._scalar is None else self._scalar.run

    def _call(self, arguments: Sequence[Array]) -> Sequence[Array]:
        strides = tuple([a.strides for a in arguments])
        planned = self._planned.get(strides)
        if planned is not None:
            return planned.run(arguments)
        if len(self._planned) >= _MOST_PLANNED:
            return self._first.run(arguments)
        return self._warm_up(arguments, strides)

    def _probe(self) -> Executable:
        program, calls = joined(self._program, self._joints)
        writer = _Writer(self._table, self._backend, calls)
        writer.names["note"] = lambda i, value: self._layouts.setdefault(i, Layout.of(value))

        def statement(node: Node) -> str:
            line = writer.statement(node)
            return f"{line + '; ' if line else ''}note({node.id}, v{node.id})"

        return writer.executable(program, statement)

    def _warm_up(self, arguments: Sequence[Array], strides: tuple[Any, ...]) -> Sequence[Array]:
        self._layouts = {i: Layout.of(t.data) for i, t in self._program.constants.items()}
        results = self._first.run(arguments)
        self._layouts.update((i, Layout.of(a)) for i, a in zip(self._program.inputs, arguments, strict=True))
        self._planned[strides] = self._latest = self._with_buffers()
        return results

    def _with_buffers(self) -> Executable:
        program, groups = elementwise_groups(self._program, self._in_blocks)
        grouped = {node.id for nodes in groups for node in nodes}
        groups += [(n,) for n in program.nodes if n.id not in grouped and self._in_blocks(n)]
        program, calls = joined(program, self._joints)
        wanted = used_outside(program, groups)
        blocked = {nodes[0].id: Blocked(nodes, self._layouts, wanted) for nodes in groups}
        writers = {i: call for i, call in calls.items() if call.joint.kernel in JOINT_WRITERS}
        joints = _by_call(program, writers)
        single = [n.id for n in program.nodes if takes_out(n, self._table) and n.id not in calls]
        layouts = {i: self._layouts[i] for i in (*single, *writers)}
        buffers = plan(program, layouts, [*groups, *joints], wanted | writers.keys(), self._table)
        writer = _Writer(self._table, self._backend, calls, blocked, buffers)
        return writer.executable(program, writer.statement)

    def _in_blocks(self, node: Node) -> bool:
        return takes_out(node, self._table) and suits(node, self._layouts)


def _by_call(program: Program, calls: Mapping[int, JointCall]) -> list[list[Node]]:
    """The nodes of every joint call, in the order of the program."""
    found: dict[int, list[Node]] = {}
    for node in program.nodes:
        if node.id in calls:
            found.setdefault(calls[node.id].nodes[0].id, []).append(node)
    return list(found.values())


class _Writer:
    """Writes the statements of nodes: kernels called as they are, into buffers, together, or in blocks."""

    def __init__(
        self,
        table: Kernels,
        backend: NumpyBackend,
        calls: Mapping[int, JointCall],
        blocked: Mapping[int, Blocked] = MappingProxyType({}),
        buffers: Mapping[int, Array | Lent] = MappingProxyType({}),
    ) -> None:
        self.names: dict[str, Any] = {"errstate": np.errstate}
        self._table, self._backend = table, backend
        self._calls, self._blocked, self._buffers = calls, blocked, buffers
        self._members = {node.id for group in blocked.values() for node in group.nodes}

    def executable(self, program: Program, statement: Callable[[Node], str | None]) -> Executable:
        # Buffers live on, and what stays inside a group has no name.
        kept = {i for i, buffer in self._buffers.items() if not isinstance(buffer, Lent)}
        kept |= self._members - self._buffers.keys()
        lines = body(program, statement, kept)
        return assemble(program, lines, self.names, enter='with errstate(all="ignore"):')

    def statement(self, node: Node) -> str | None:
        if node.id in self._calls:
            return self._joint(self._calls[node.id])
        if node.id in self._members:
            return self._in_blocks(node)
        assert node.primitive is not None
        kernel = self._table.get(node.primitive.name) or self._backend.kernel(node.primitive)
        if kernel is None:
            raise self._backend.missing(node.primitive)
        if node.id in self._buffers:
            return self._into_buffer(node, kernel)
        return f"v{node.id} = {call(node, kernel, self.names)}"

    def _joint(self, joint: JointCall) -> str | None:
        line = joint_statement(joint, self.names)
        if line is None or joint.nodes[0].id not in self._buffers:
            return line
        return f"{line[:-1]}, out=({', '.join(self._buffer(node) for node in joint.nodes)}))"

    def _buffer(self, node: Node) -> str:
        """The array that a node's value is written to."""
        name = f"b{node.id}"
        self.names[name] = self._buffers[node.id]
        return name + "()" if isinstance(self._buffers[node.id], Lent) else name

    def _in_blocks(self, node: Node) -> str | None:
        """The call of a group at the first of its nodes."""
        group = self._blocked.get(node.id)
        if group is None:
            return None
        self.names[f"g{node.id}"] = group.bound(self._buffers, self._table)
        results = "".join(f"v{i}, " for i in group.results)
        return f"{results}= g{node.id}({', '.join(f'v{i}' for i in group.operands)})"

    def _into_buffer(self, node: Node, kernel: Any) -> str:
        assert node.primitive is not None
        value, out = f"v{node.id}", self._buffer(node)
        operands = ", ".join(f"v{i}" for i in node.inputs)
        if node.primitive.name == "sum":
            self.names["k_reduce"] = np.add.reduce
            axes, keepdims = node.params["axes"], node.params["keepdims"]
            return f"{value} = k_reduce({operands}, {axes}, None, {out}, {keepdims})"
        if node.primitive.name == "relu":
            self.names["k_maximum"] = np.maximum
            self.names[f"z{node.id}"] = np.zeros((), str(node.spec.dtype))
            return f"{value} = k_maximum({operands}, z{node.id}, out={out})"
        if node.primitive.name == "accumulate":
            self.names["k_add"] = np.add
            one, two, *others = node.inputs
            rest = "".join(f"; k_add({value}, v{i}, out={value})" for i in others)
            return f"{value} = k_add(v{one}, v{two}, out={out}){rest}"
        return f"{value} = {call(node, kernel, self.names)[:-1]}, out={out})"
