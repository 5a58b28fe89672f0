"""A program as straight-line calls of torch, below its autograd.

Patterns of nodes become single calls; results are written over values that die, or into buffers that are
kept between calls; parameters and their velocities are updated in place where nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from graphdiff.compile.executable import (
    Executable,
    Run,
    assemble,
    body,
    call,
    joint_statement,
    memory_roots,
)
from graphdiff.compile.joint import joined
from graphdiff.compile.passes import relus_by_result
from graphdiff.compile.program import VIEWS, Program
from graphdiff.graph import Node
from graphdiff_torch.lowering.batch_norm import STATISTICS, batch_norms
from graphdiff_torch.lowering.fused import CHANNELS_FIRST, CHANNELS_LAST, FUSED, SGD, VELOCITY, descend
from graphdiff_torch.lowering.layout import Layout, with_conversions
from graphdiff_torch.lowering.matching import replaced
from graphdiff_torch.lowering.memory import ELEMENTWISE, OTHERS, Memory
from graphdiff_torch.lowering.overlap import AWAITED, PARTS, overlapped
from graphdiff_torch.lowering.patterns import JOINTS, LOSS, RULES, max_pools_by_index
from graphdiff_torch.lowering.state import State
from graphdiff_torch.lowering.updates import Group, with_updates

if TYPE_CHECKING:
    from graphdiff_torch.backend import TorchBackend

Array = Any
# Calls that may hand back their operand.
_HANDING_ON = {"einsum", AWAITED.name, CHANNELS_FIRST.name, CHANNELS_LAST.name}


class Aten:
    """The executable; see the module's docstring.

    Args:
        layout: which arguments are brought to channels-last.
    """

    def __init__(self, program: Program, backend: TorchBackend, layout: Layout) -> None:
        table = {**backend.untouched, **FUSED, **STATISTICS, **PARTS}
        program, groups = with_updates(program, _roots(program, table))
        program = with_conversions(overlapped(fused(program, table)), layout)
        # A velocity lies in memory as its parameter does: one call walks through both.
        overwritten = {i: layout.of(u.operands[1]) for g in groups for u in g.updates for i in u.overwritten}
        place = {i: k for k, i in enumerate(program.inputs)}
        self._state = State({place[i]: order for i, order in overwritten.items()})
        self._converted = [(place[i], layout.of(i)) for i in layout.converted if i not in overwritten]
        generated = _generated(program, backend, table, groups)
        self._run: Run = backend.settings.around(generated.run)
        self.source = generated.source

    @property
    def run(self) -> Run:
        return self._call

    def _call(self, arguments: Sequence[Array]) -> Sequence[Array]:
        arguments = list(arguments)
        self._state.taken(arguments)
        for k, layout in self._converted:
            arguments[k] = arguments[k].contiguous(memory_format=layout)
        return self._run(arguments)


def fused(program: Program, table: Mapping[str, Any]) -> Program:
    """The program with every pattern replaced whose kernels are torch's own."""
    known = [rule for rule in RULES if rule.find.names <= table.keys()]
    for rewritten in (batch_norms, max_pools_by_index, relus_by_result):
        program = rewritten(program, table)
    return replaced(program, known)


def _roots(program: Program, table: Mapping[str, Any]) -> dict[int, frozenset[int]]:
    # A reduction over no axis may hand back its operand.
    unreduced = {n.primitive.name for n in program.nodes if n.primitive and n.params.get("axes") == ()}
    # What an update gives lies in the memory of the program's inputs, not of what it is computed from.
    updates = {SGD.name, VELOCITY.name}
    return memory_roots(program, (table.keys() | updates) - VIEWS - unreduced - _HANDING_ON)


def _generated(
    program: Program, backend: TorchBackend, table: Mapping[str, Any], groups: Sequence[Group]
) -> Executable:
    joints = [joint for joint in (*JOINTS, LOSS) if joint.members.keys() <= table.keys()]
    program, calls = joined(program, joints)
    memory = Memory(program, table, calls, _roots(program, table), keep=backend.device == "cpu")
    names: dict[str, Any] = {"below": torch._C._AutoDispatchBelowAutograd, "descend": descend}
    updates = {n.id: group for group in groups for u in group.updates for n in u.nodes}
    first = {group.updates[0].parameter.id for group in groups}

    def statement(node: Node) -> str | None:
        assert node.primitive is not None
        if node.id in updates:
            return updates[node.id].statement if node.id in first else None
        if node.id in calls:
            return joint_statement(calls[node.id], names)
        if node.id in memory.over or node.id in memory.buffers:
            return _into(node, memory, names)
        kernel = table.get(node.primitive.name) or backend.kernel(node.primitive)
        if kernel is None:
            raise backend.missing(node.primitive)
        return f"v{node.id} = {call(node, kernel, names)}"

    lines = body(program, statement, kept=memory.buffers)
    return assemble(program, lines, names, enter="with below():")


def _into(node: Node, memory: Memory, names: dict[str, Any]) -> str:
    """The call of a kernel that writes into a given tensor."""
    assert node.primitive is not None
    name = node.primitive.name
    names[f"o_{name}"] = ELEMENTWISE.get(name) or OTHERS[name]
    target = f"v{memory.over[node.id]}" if node.id in memory.over else f"b{node.id}"
    if node.id in memory.buffers:
        names[target] = memory.buffers[node.id]
    operands = ", ".join(f"v{i}" for i in node.inputs)
    return f"v{node.id} = o_{name}({operands}, out={target})"
