"""Joint kernels: which nodes of a program one call computes together.

A backend lists them (:class:`graphdiff.backend.Joint`); an executable asks here where they apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphdiff.backend import Joint
from graphdiff.compile.program import Program
from graphdiff.graph import Node


@dataclass(frozen=True)
class JointCall:
    """One call for several nodes.

    Attributes:
        nodes: in the order of the joint's members, and so of the kernel's results.
        bound: letter -> id of the operand, in the order of the kernel's operands.
        params: those of all nodes together.
    """

    joint: Joint
    nodes: tuple[Node, ...]
    bound: Mapping[str, int]
    params: Mapping[str, Any]

    @property
    def operands(self) -> tuple[int, ...]:
        return tuple(self.bound.values())


def joined(program: Program, joints: Sequence[Joint]) -> tuple[Program, dict[int, JointCall]]:
    """The program with the nodes of every joint call next to each other, and id -> its call.

    Nodes only move forwards, to the first of their call: all that they need is known there.
    """
    matcher = _Matcher(program)
    for joint in joints:
        first = next(iter(joint.members))
        for node in program.nodes:
            if node.primitive is not None and node.primitive.name == first:
                matcher.match(joint, node)
    return replace(program, nodes=tuple(matcher.gathered())), matcher.calls


class _Matcher:
    def __init__(self, program: Program) -> None:
        self.calls: dict[int, JointCall] = {}
        self._nodes = {node.id: node for node in program.nodes}
        self._place = {i: k for k, i in enumerate(self._nodes)} | dict.fromkeys(program.inputs, -1)
        self._users: dict[tuple[int, str], list[Node]] = {}
        for node in program.nodes:
            for i in dict.fromkeys(node.inputs):
                assert node.primitive is not None
                self._users.setdefault((i, node.primitive.name), []).append(node)

    def match(self, joint: Joint, first: Node) -> None:
        """Find the nodes that go with ``first``, and note their call."""
        (_, letters), *others = joint.members.items()
        bound = dict(zip(letters, first.inputs, strict=True))
        for call in self._completed(joint, others, JointCall(joint, (first,), bound, first.params)):
            if self._is_possible(call):
                self.calls.update((node.id, call) for node in call.nodes)
                return

    def _completed(
        self, joint: Joint, others: Sequence[tuple[str, str]], call: JointCall
    ) -> Iterator[JointCall]:
        """The ways to add the other members to a call."""
        if not others:
            yield call
            return
        (name, letters), *rest = others
        shared = next(call.bound[letter] for letter in letters if letter in call.bound)
        for node in self._users.get((shared, name), ()):
            if _agrees(node, letters, call):
                bound = {**call.bound, **dict(zip(letters, node.inputs, strict=True))}
                longer = JointCall(joint, (*call.nodes, node), bound, {**call.params, **node.params})
                yield from self._completed(joint, rest, longer)

    def _is_possible(self, call: JointCall) -> bool:
        free = all(node.id not in self.calls for node in call.nodes)
        start = min(self._place[node.id] for node in call.nodes)
        known = all(self._place[i] < start for i in call.operands)
        return (
            free and known and call.joint.when(*(self._nodes[i].spec for i in call.operands), **call.params)
        )

    def gathered(self) -> list[Node]:
        """All nodes, those of a call at the place of its first."""
        result: dict[int, Node] = {}
        for node in self._nodes.values():
            group = self.calls[node.id].nodes if node.id in self.calls else (node,)
            for member in sorted(group, key=lambda n: self._place[n.id]):
                result.setdefault(member.id, member)
        return list(result.values())


def _agrees(node: Node, letters: str, call: JointCall) -> bool:
    """Whether operands of one letter are one value, and parameters of one name have one value."""
    operands = zip(letters, node.inputs, strict=True)
    return all(call.bound.get(letter, i) == i for letter, i in operands) and all(
        call.params.get(name, value) == value for name, value in node.params.items()
    )
