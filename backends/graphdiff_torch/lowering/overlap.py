"""What passes between processes does so while the program goes on: it begins as soon as its operand is known,
and is waited for where its result is first needed. So the gradients of the last layers travel while those of
the first are worked out."""

from __future__ import annotations

from dataclasses import replace

from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff.kernels import Kernels
from graphdiff.ops.collective import Collective
from graphdiff_torch.kernels.collective import BEGUN, awaited
from graphdiff_torch.lowering.fused import fused

AWAITED = fused("awaited")
_FIRST = {name: fused(f"{name}_begun") for name in BEGUN}
PARTS: Kernels = {AWAITED.name: awaited, **{_FIRST[name].name: begin for name, begin in BEGUN.items()}}
_LEADING = {"reshape", "concatenate"}  # what puts gradients into a bucket


def overlapped(program: Program) -> Program:
    """The program with what passes between processes begun early and waited for late.

    Nothing overtakes another: processes whose programs are not the same still begin in the same order.
    """
    if not any(isinstance(node.primitive, Collective) for node in program.nodes):
        return program
    return _in_two_parts(_early(program))


def _early(program: Program) -> Program:
    """Collectives, and what leads to nothing else, right after the last operand and the collective before."""
    early = _leading(program)
    place: dict[int, int] = {}
    latest = 0
    for k, node in enumerate(program.nodes):
        operands = (place[i] for i in node.inputs if i in place)
        place[node.id] = max(operands, default=0) if node.id in early else k
        if isinstance(node.primitive, Collective):
            place[node.id] = latest = max(place[node.id], latest)
    ordered = sorted(program.nodes, key=lambda node: (place[node.id], node.id in early))
    return replace(program, nodes=tuple(ordered))


def _leading(program: Program) -> set[int]:
    found: set[int] = set()
    elsewhere = set(program.outputs)
    for node in reversed(program.nodes):
        leads = node.primitive is not None and node.primitive.name in _LEADING and node.id not in elsewhere
        if isinstance(node.primitive, Collective) or leads:
            found.add(node.id)
        else:
            elsewhere |= {*node.inputs}
    return found


def _in_two_parts(program: Program) -> Program:
    fresh = iter(range(1 + max([*(n.id for n in program.nodes), *program.inputs]), 1 << 62))
    pending: dict[int, Node] = {}
    nodes: list[Node] = []
    for node in program.nodes:
        nodes += [pending.pop(i) for i in dict.fromkeys(node.inputs) if i in pending]
        if isinstance(node.primitive, Collective):
            start = replace(node, id=next(fresh), primitive=_FIRST[node.primitive.name])
            pending[node.id] = replace(node, primitive=AWAITED, inputs=(start.id,), params={})
            node = start
        nodes.append(node)
    return replace(program, nodes=(*nodes, *pending.values()))
