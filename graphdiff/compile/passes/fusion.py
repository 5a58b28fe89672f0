"""Fusion groups: elementwise operations on equal shapes, which a backend may run element by element or block
by block, so that what one of them computes is still at hand for the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from graphdiff.compile.program import Program
from graphdiff.graph import Node, TensorSpec


@dataclass(eq=False)
class _Group:
    nodes: list[Node] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)


def elementwise_groups(
    program: Program, fits: Callable[[Node], bool]
) -> tuple[Program, list[tuple[Node, ...]]]:
    """The program with the nodes of every group next to each other, and the groups of two nodes or more.

    A node joins a group that computed one of its operands or reads one of them; nodes only move backwards,
    at most to just before the first use of the group outside it.

    Args:
        fits: whether an elementwise node may be in a group.
    """
    grouping = _Grouping(program, fits)
    for node in program.nodes:
        grouping.place(node)
    return replace(program, nodes=tuple(grouping.finished())), grouping.groups


class _Grouping:
    def __init__(self, program: Program, fits: Callable[[Node], bool]) -> None:
        self.groups: list[tuple[Node, ...]] = []
        self._fits = fits
        self._specs = {node.id: node.spec for node in program.nodes}
        self._made: dict[int, _Group] = {}  # values of open groups
        self._near: dict[tuple[int, tuple[int, ...]], _Group] = {}  # what open groups read or made, by shape
        self._order: list[Node] = []

    def place(self, node: Node) -> None:
        candidate = node.primitive is not None and node.primitive.elementwise and self._fits(node)
        group = self._group_for(node) if candidate else None
        for i in node.inputs:
            other = self._made.get(i)
            if other is not None and other is not group:
                self._close(other)
        if group is None:
            self._order.append(node)
            return
        group.nodes.append(node)
        self._made[node.id] = group
        for i in (node.id, *node.inputs):
            if self._same_shape(self._specs[i], node.spec):
                group.touched.add(i)
                self._near[i, node.spec.shape] = group

    def _group_for(self, node: Node) -> _Group:
        found = (self._near.get((i, node.spec.shape)) for i in node.inputs)
        return next((group for group in found if group is not None), None) or _Group()

    @staticmethod
    def _same_shape(one: TensorSpec, other: TensorSpec) -> bool:
        return one.shape == other.shape

    def _close(self, group: _Group) -> None:
        self._order += group.nodes
        if len(group.nodes) > 1:
            self.groups.append(tuple(group.nodes))
        shape = group.nodes[0].spec.shape
        for node in group.nodes:
            del self._made[node.id]
        for i in group.touched:
            if self._near.get((i, shape)) is group:
                del self._near[i, shape]

    def finished(self) -> list[Node]:
        while self._made:
            self._close(next(iter(self._made.values())))
        return self._order
