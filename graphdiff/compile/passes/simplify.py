"""Algebraic simplification, of the kinds that change no bit of any result.

x · 1, x / 1 and x − 0 are x; casts, reshapes and broadcasts to what is there already are dropped;
transposes, reshapes and negations in a row become one or none; and an operand that was only stretched to
fit an elementwise operation is handed over as it is, because kernels broadcast. (x + 0 is left alone: it
turns −0 into 0. Sums are never reordered.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff.ops.common import broadcast_shapes
from graphdiff.ops.elementwise import divide, multiply, subtract

Rule = Callable[[Node, dict[int, Node], dict[int, Any]], "Node | int | None"]


def simplify(program: Program) -> Program:
    """Apply every rule until none changes anything."""
    while True:
        simpler = _once(program)
        if len(simpler.nodes) == len(program.nodes) and simpler == program:
            return program
        program = simpler


def _once(program: Program) -> Program:
    nodes: dict[int, Node] = {}
    scalars = {i: t.item() for i, t in program.constants.items() if t.shape == () and t.data is not None}

    def rewrite(node: Node) -> Node | int:
        result = _simpler(node, nodes, scalars)
        if not isinstance(result, int):
            nodes[node.id] = result
        return result

    return program.rewritten(rewrite)


def _simpler(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> Node | int:
    if node.primitive is None:
        return node
    for rule in _RULES.get(node.primitive.name, ()):
        result = rule(node, nodes, scalars)
        if result is not None:
            return result
    return _unstretched(node, nodes) if node.primitive.elementwise else node


def _same(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> int:
    return node.inputs[0]


def _alone(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> int | None:
    return node.inputs[0] if len(node.inputs) == 1 else None


def _nothing_to_do(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> int | None:
    return node.inputs[0] if nodes[node.inputs[0]].spec is node.spec else None


def _reshape_of_reshape(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> Node | None:
    inner = nodes[node.inputs[0]]
    return replace(node, inputs=inner.inputs) if _is(inner, "reshape") else None


def _transposes(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> Node | int | None:
    inner = nodes[node.inputs[0]]
    axes = node.params["axes"]
    if _is(inner, "transpose"):
        axes = tuple(inner.params["axes"][a] for a in axes)
        node = replace(node, inputs=inner.inputs, params={"axes": axes})
    elif axes != tuple(range(len(axes))):
        return None
    return node.inputs[0] if axes == tuple(range(len(axes))) else node


def _double_negative(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> int | None:
    inner = nodes[node.inputs[0]]
    return inner.inputs[0] if _is(inner, "negative") else None


def _neutral(node: Node, nodes: dict[int, Node], scalars: dict[int, Any]) -> int | None:
    """The operand that a neutral element leaves as it is."""
    assert node.primitive is not None
    one, two = node.inputs
    neutral = {multiply: 1, divide: 1, subtract: 0}[node.primitive]
    # x − (−0) turns −0 into 0, so the zero must be a positive one.
    if scalars.get(two) == neutral and math.copysign(1, scalars[two]) > 0 and nodes[one].spec is node.spec:
        return one
    if node.primitive is multiply and scalars.get(one) == neutral and nodes[two].spec is node.spec:
        return two
    return None


def _unstretched(node: Node, nodes: dict[int, Node]) -> Node:
    inputs = list(node.inputs)
    for k, i in enumerate(inputs):
        if _is(nodes[i], "broadcast_to"):
            before = nodes[i].inputs[0]
            shapes = [nodes[before if j == k else n].spec.shape for j, n in enumerate(inputs)]
            if broadcast_shapes(*shapes) == node.spec.shape:
                inputs[k] = before
    return node if tuple(inputs) == node.inputs else replace(node, inputs=tuple(inputs))


def _is(node: Node, name: str) -> bool:
    return node.primitive is not None and node.primitive.name == name


_RULES: dict[str, tuple[Rule, ...]] = {
    "accumulate": (_alone,),
    "identity": (_same,),
    "stop_gradient": (_same,),
    "cast": (_nothing_to_do,),
    "broadcast_to": (_nothing_to_do,),
    "reshape": (_nothing_to_do, _reshape_of_reshape),
    "transpose": (_transposes,),
    "negative": (_double_negative,),
    "multiply": (_neutral,),
    "divide": (_neutral,),
    "subtract": (_neutral,),
}
