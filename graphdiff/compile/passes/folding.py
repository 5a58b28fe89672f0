"""Constant folding: what depends on constants alone is computed once, when the program is made."""

from __future__ import annotations

from dataclasses import replace

from graphdiff.backend import Backend
from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff.leaf import leaf
from graphdiff.ops.collective import Collective
from graphdiff.tensor import Tensor

_LARGE = 1 << 12  # elements; a larger result is only kept if it is no larger than its operands


def fold_constants(program: Program, backend: Backend) -> Program:
    """Replace constant expressions by their values, unless that would store much more than it saves."""
    constants: dict[int, Tensor] = dict(program.constants)

    def rewrite(node: Node) -> Node | int:
        if isinstance(node.primitive, Collective):
            return node
        kernel = backend.kernel(node.primitive) if node.primitive and node.inputs else None
        if kernel is None or any(i not in constants for i in node.inputs):
            return node
        operands = [constants[i] for i in node.inputs]
        if node.spec.size > max(_LARGE, *(t.size for t in operands)):
            return node
        value = kernel(*(t.data for t in operands), **node.params)
        constants[node.id] = leaf(value, node.spec.dtype, backend=backend)
        return replace(node, primitive=None, inputs=(), params={}, role="constant")

    folded = program.rewritten(rewrite)
    return replace(folded, constants=constants)
