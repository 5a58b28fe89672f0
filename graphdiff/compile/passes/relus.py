"""Gradients of relu by its result."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from graphdiff.compile.program import Program
from graphdiff.graph import Node


def relus_by_result(program: Program, table: Container[str]) -> Program:
    """Gradients of relu read its result, which is positive where its operand is: so the operand may go.

    Args:
        table: the primitives that mean here what they mean everywhere; without relu's, nothing is changed.
    """
    if "relu" not in table or "relu_grad" not in table:
        return program
    results: dict[int, int] = {}

    def rewrite(node: Node) -> Node:
        name = node.primitive.name if node.primitive else ""
        if name == "relu":
            results.setdefault(node.inputs[0], node.id)
        if name == "relu_grad" and node.inputs[1] in results:
            return replace(node, inputs=(node.inputs[0], results[node.inputs[1]]))
        return node

    return program.rewritten(rewrite)
