"""Which value is written to which buffer, planned once from liveness.

A buffer is free again after the last use of the value in it and of every view of it. Results handed out lie
in memory of their own, which a later call takes again only when nobody holds it any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from graphdiff.compile.executable import memory_roots
from graphdiff.compile.program import VIEWS, Program
from graphdiff.graph import Node
from graphdiff.kernels import Kernels
from graphdiff_numpy.kernels import RAW
from graphdiff_numpy.memory import Layout, Lent
from graphdiff_numpy.normalization import gradients
from graphdiff_numpy.pooling import max_and_argmax

Array = Any
# Kernels that are ufuncs: they take out=, and it may be one of their operands.
_UFUNCS = frozenset(name for name, kernel in RAW.items() if isinstance(kernel, np.ufunc) and name != "matmul")
# Others that take it, but never one of their operands.
_WRITERS = frozenset(
    "matmul relu relu_grad conv2d conv2d_input_grad window_scatter batch_norm batch_norm_input_grad".split()
)
# Joint kernels that take it: an array for each result.
JOINT_WRITERS = (max_and_argmax, gradients)
# Kernels whose result is always memory of its own; a composite not among them may be anything.
_OWN = frozenset(RAW) - VIEWS - {"einsum"}


def used_outside(program: Program, groups: Sequence[Sequence[Node]]) -> set[int]:
    """The values of groups that outputs or nodes outside their group need."""
    group = {node.id: k for k, nodes in enumerate(groups) for node in nodes}
    wanted = {i for n in program.nodes for i in n.inputs if i in group and group[i] != group.get(n.id)}
    return wanted | group.keys() & set(program.outputs)


def plan(
    program: Program,
    layouts: Mapping[int, Layout],
    groups: Sequence[Sequence[Node]],
    wanted: Collection[int],
    table: Kernels,
) -> dict[int, Array | Lent]:
    """id -> the buffer its value is written to; memory to lend where a result lies in it.

    Args:
        layouts: of the values that are to be in buffers.
        groups: nodes computed together; only their ``wanted`` values have buffers.
    """
    roots = memory_roots(program, _OWN & table.keys())
    ends = {r: k for k, node in enumerate(program.nodes) for i in node.inputs for r in roots[i]}
    escaping = {r for i in program.outputs for r in roots[i]}
    closing = {nodes[-1].id for nodes in groups}
    together = {node.id for nodes in groups for node in nodes}
    free: dict[Layout, list[Array]] = defaultdict(list)
    found: dict[int, Array] = {}
    dying: list[int] = []
    for k, node in enumerate(program.nodes):
        dying += [r for r in {r for i in node.inputs for r in roots[i]} if ends[r] == k and r in found]
        # An operand of an elementwise operation that dies here may be overwritten element by element.
        if node.id not in together and _overwrites(node, roots, found):
            _give_back(dying, found, layouts, free)
        if node.id in layouts and node.id not in escaping and (node.id not in together or node.id in wanted):
            pool = free[layouts[node.id]]
            found[node.id] = pool.pop() if pool else layouts[node.id].empty()
        if node.id not in together or node.id in closing:
            _give_back(dying, found, layouts, free)
    lent = {i: Lent(layout) for i, layout in layouts.items() if i in escaping}
    return {**found, **{i: memory for i, memory in lent.items() if i not in together or i in wanted}}


def _give_back(
    dying: list[int],
    found: Mapping[int, Array],
    layouts: Mapping[int, Layout],
    free: dict[Layout, list[Array]],
) -> None:
    for r in dying:
        free[layouts[r]].append(found[r])
    dying.clear()


def takes_out(node: Node, table: Kernels) -> bool:
    """Whether the kernel of a node can write to a given array."""
    if node.primitive is None or node.primitive.name not in table or not node.spec.shape:
        return False
    name = node.primitive.name
    if name == "accumulate":
        return len(node.inputs) > 1
    return name in _UFUNCS or name in _WRITERS or (name == "sum" and node.spec.dtype.is_floating)


def _overwrites(node: Node, roots: Mapping[int, frozenset[int]], found: Mapping[int, Any]) -> bool:
    """Whether the result may take the place of an operand: not over a view, whose elements need not lie over
    the result's own."""
    if node.primitive is None or not (node.primitive.name in _UFUNCS or node.primitive.name == "relu"):
        return False
    return not any(roots[i] != {i} and any(r in found for r in roots[i]) for i in node.inputs)
