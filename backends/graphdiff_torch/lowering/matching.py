"""Finding nodes that one call of torch computes: patterns as data, and their replacement in a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphdiff.compile.passes import drop_dead
from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff.primitive import Primitive

_COMMUTATIVE = frozenset({"add", "multiply", "accumulate"})


@dataclass(frozen=True)
class Op:
    """A node to be found: its primitive and what its operands must be, patterns or letters.

    A letter stands for any value, the same one wherever it is repeated.

    Attributes:
        shared: whether other nodes may use the value too; it is then still computed.
    """

    primitive: str
    operands: tuple[Op | str, ...]
    shared: bool = False

    @property
    def names(self) -> set[str]:
        """The primitives of the pattern."""
        return {self.primitive}.union(*(op.names for op in self.operands if isinstance(op, Op)))


@dataclass(frozen=True)
class Found:
    """A pattern found in a program.

    Attributes:
        values: letter -> the node that stands there.
        nodes: primitive name -> the node of the pattern; the outermost where a name is repeated.
    """

    values: Mapping[str, Node]
    nodes: Mapping[str, Node]

    @property
    def params(self) -> dict[str, Any]:
        return {k: v for node in self.nodes.values() for k, v in node.params.items()}


@dataclass(frozen=True)
class Rule:
    """Nodes that one call replaces.

    Attributes:
        find: what to look for.
        call: the primitive that takes the place of the outermost node.
        operands: of the call, as letters of the pattern.
        params: of the call.
        when: a further condition.
    """

    find: Op
    call: Primitive
    operands: str
    params: Callable[[Found], dict[str, Any]] = lambda found: {}
    when: Callable[[Found], bool] = lambda found: True


def replaced(program: Program, rules: Sequence[Rule]) -> Program:
    """The program with every rule applied wherever it fits, the first that fits first."""
    for rule in rules:
        search = Search(program)
        program = program.rewritten(lambda node, rule=rule, search=search: search.apply(rule, node))  # type: ignore[misc]
    return drop_dead(program)


class Search:
    """Looks for patterns in one program."""

    def __init__(self, program: Program) -> None:
        self._nodes = {node.id: node for node in program.nodes}
        self._uses: dict[int, int] = dict.fromkeys(program.outputs, 2)  # an output is never inside
        for node in program.nodes:
            for i in node.inputs:
                self._uses[i] = self._uses.get(i, 0) + 1

    def at(self, node: Node, op: Op) -> Iterator[Found]:
        """The ways in which a pattern fits a node."""
        for values, nodes in self._ways(op, node.id, {}, {}, True):
            yield Found({k: self._nodes[i] for k, i in values.items()}, nodes)

    def apply(self, rule: Rule, node: Node) -> Node:
        """The node, or the call that takes its place."""
        for found in self.at(node, rule.find):
            if rule.when(found):
                inputs = tuple(found.values[letter].id for letter in rule.operands)
                made = replace(node, primitive=rule.call, inputs=inputs, params=rule.params(found))
                self._nodes[node.id] = made
                return made
        return node

    def _ways(
        self, op: Op, i: int, values: dict[str, int], nodes: dict[str, Node], outermost: bool
    ) -> Iterator[tuple[dict[str, int], dict[str, Node]]]:
        """The ways in which a pattern fits the value ``i``, given what is known of its letters."""
        node = self._nodes.get(i)
        if node is None or node.primitive is None or node.primitive.name != op.primitive:
            return
        if not outermost and not op.shared and self._uses[i] > 1:
            return
        if len(node.inputs) != len(op.operands):
            return
        orders = [node.inputs]
        if op.primitive in _COMMUTATIVE and len(node.inputs) == 2:
            orders.append(node.inputs[::-1])
        for inputs in orders:
            yield from self._operands(op.operands, inputs, values, {op.primitive: node, **nodes})

    def _operands(
        self,
        wanted: Sequence[Op | str],
        inputs: Sequence[int],
        values: dict[str, int],
        nodes: dict[str, Node],
    ) -> Iterator[tuple[dict[str, int], dict[str, Node]]]:
        if not wanted:
            yield values, nodes
            return
        first, i = wanted[0], inputs[0]
        if isinstance(first, str):
            if i in self._nodes and values.get(first, i) == i:
                yield from self._operands(wanted[1:], inputs[1:], {**values, first: i}, nodes)
            return
        for known, seen in self._ways(first, i, values, nodes, False):
            yield from self._operands(wanted[1:], inputs[1:], known, seen)


def is_a(node: Node, name: str) -> bool:
    """Whether a node applies the primitive of this name."""
    return node.primitive is not None and node.primitive.name == name
