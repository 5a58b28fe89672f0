"""A program as straight-line NumPy: results written into buffers that are kept between calls.

The first call runs without buffers, as eagerly, and shows in which layout each value comes out; buffers
keep these layouts, because the order in which NumPy sums follows them. Which value lives in which buffer is
planned once, from liveness: a buffer is free again after the last use of the value in it and of every view
of it. Results handed out lie in memory of their own, which a later call takes again only when nobody holds
it any more. The same ufuncs run on the same operands in the same order as eagerly, so the results are equal
to the last bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.compile.executable import (
    VIEWS,
    Executable,
    Run,
    assemble,
    body,
    call,
    joint_statement,
    memory_roots,
)
from graphdiff.compile.joint import JointCall, joined
from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff.kernels import Kernels
from graphdiff_numpy.kernels import RAW
from graphdiff_numpy.memory import Lent
from graphdiff_numpy.scalars import scalar_program

if TYPE_CHECKING:
    from graphdiff_numpy.backend import NumpyBackend

Array = Any
_Layout = tuple[Any, ...]
# Kernels that are ufuncs: they take out=, and it may be one of their operands.
_UFUNCS = frozenset(name for name, kernel in RAW.items() if isinstance(kernel, np.ufunc) and name != "matmul")
# Kernels whose result is always memory of its own; a composite not among them may be anything.
_OWN = frozenset(RAW) - VIEWS - {"einsum"}


class Lowered:
    """The executable of a program; see the module's docstring.

    Attributes:
        source: the generated Python; with buffers from the second call on.
    """

    def __init__(self, program: Program, backend: NumpyBackend) -> None:
        self._backend = backend
        built_in = backend.built_in.items()
        self._table = {name: RAW[name] for name, kernel in built_in if backend.kernels[name] is kernel}
        joints = [joint for joint in backend.joints if joint.members.keys() <= self._table.keys()]
        self._program, self._calls = joined(program, joints)
        self._placed = [n.id for n in self._program.nodes if _takes_out(n, self._table)]
        self._placed = [i for i in self._placed if i not in self._calls]
        probe = replace(self._program, outputs=(*program.outputs, *self._placed))
        self._first = _generated(probe, self._calls, {}, self._table, backend)
        self._planned = scalar_program(program, self._table, self._first)

    @property
    def source(self) -> str:
        return (self._planned or self._first).source

    @property
    def run(self) -> Run:
        return self._warm_up if self._planned is None else self._planned.run

    def _warm_up(self, arguments: Sequence[Array]) -> Sequence[Array]:
        results = self._first.run(arguments)
        count = len(self._program.outputs)
        values = dict(zip(self._placed, results[count:], strict=True))
        buffers = _plan(self._program, values, self._table)
        self._planned = _generated(self._program, self._calls, buffers, self._table, self._backend)
        return results[:count]


def _generated(
    program: Program,
    calls: Mapping[int, JointCall],
    buffers: Mapping[int, Array | Lent],
    table: Kernels,
    backend: NumpyBackend,
) -> Executable:
    names: dict[str, Any] = {"errstate": np.errstate}

    def statement(node: Node) -> str | None:
        if node.id in calls:
            return joint_statement(calls[node.id], names)
        assert node.primitive is not None
        kernel = table.get(node.primitive.name) or backend.kernel(node.primitive)
        if kernel is None:
            raise backend.missing(node.primitive)
        return _statement(node, kernel, buffers, names)

    kept = {i for i, buffer in buffers.items() if not isinstance(buffer, Lent)}
    lines = body(program, statement, kept)
    return assemble(program, lines, names, enter='with errstate(all="ignore"):')


def _statement(node: Node, kernel: Any, buffers: Mapping[int, Array | Lent], names: dict[str, Any]) -> str:
    assert node.primitive is not None
    if node.id not in buffers:
        return f"v{node.id} = {call(node, kernel, names)}"
    value, out = f"v{node.id}", f"b{node.id}"
    names[out] = buffers[node.id]
    if isinstance(buffers[node.id], Lent):
        out += "()"
    operands = ", ".join(f"v{i}" for i in node.inputs)
    if node.primitive.name == "sum":
        names["k_reduce"] = np.add.reduce
        axes, keepdims = node.params["axes"], node.params["keepdims"]
        return f"{value} = k_reduce({operands}, {axes}, None, {out}, {keepdims})"
    if node.primitive.name == "relu":
        names["k_maximum"] = np.maximum
        names[f"z{node.id}"] = np.zeros((), str(node.spec.dtype))
        return f"{value} = k_maximum({operands}, z{node.id}, out={out})"
    if node.primitive.name == "accumulate":
        names["k_add"] = np.add
        one, two, *others = node.inputs
        rest = "".join(f"; k_add({value}, v{i}, out={value})" for i in others)
        return f"{value} = k_add(v{one}, v{two}, out={out}){rest}"
    names[f"k_{node.primitive.name}"] = kernel
    return f"{value} = k_{node.primitive.name}({operands}, out={out})"


def _plan(program: Program, values: Mapping[int, Array], table: Kernels) -> dict[int, Array | Lent]:
    """id -> the buffer its value is written to, in the layouts of ``values``; memory to lend where a result
    lies in it."""
    roots = memory_roots(program, _OWN & table.keys())
    ends = {r: k for k, node in enumerate(program.nodes) for i in node.inputs for r in roots[i]}
    free: dict[_Layout, list[Array]] = defaultdict(list)
    plan: dict[int, Array] = {}
    escaping = {r for i in program.outputs for r in roots[i]}
    for k, node in enumerate(program.nodes):
        dying = [r for r in {r for i in node.inputs for r in roots[i]} if ends[r] == k and r in plan]
        if node.id not in values or node.id in escaping:
            _give_back(dying, plan, free)
            continue
        assert node.primitive is not None
        # An operand of an elementwise operation that dies here may be overwritten element by element.
        elementwise = node.primitive.name in _UFUNCS or node.primitive.name == "relu"
        in_place = elementwise and not _reads_views(node, roots, plan)
        if in_place:
            _give_back(dying, plan, free)
        pool = free[_layout(values[node.id])]
        plan[node.id] = pool.pop() if pool else np.empty_like(values[node.id])
        if not in_place:
            _give_back(dying, plan, free)
    return {**plan, **{i: Lent(value) for i, value in values.items() if i in escaping}}


def _layout(array: Array) -> _Layout:
    return array.shape, array.dtype, array.strides


def _give_back(dying: Sequence[int], plan: Mapping[int, Array], free: dict[_Layout, list[Array]]) -> None:
    for r in dying:
        free[_layout(plan[r])].append(plan[r])


def _takes_out(node: Node, table: Kernels) -> bool:
    if node.primitive is None or node.primitive.name not in table or not node.spec.shape:
        return False
    name = node.primitive.name
    if name == "accumulate":
        return len(node.inputs) > 1
    return (
        name in _UFUNCS
        or name in ("matmul", "relu", "relu_grad")
        or (name == "sum" and node.spec.dtype.is_floating)
    )


def _reads_views(node: Node, roots: Mapping[int, frozenset[int]], plan: Mapping[int, Any]) -> bool:
    """Whether an operand is a view of a buffer: then the result's elements need not lie over its own."""
    return any(roots[i] != {i} and any(r in plan for r in roots[i]) for i in node.inputs)
