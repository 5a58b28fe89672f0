"""Common subexpressions: the same operation on the same operands is computed once."""

from __future__ import annotations

from collections.abc import Hashable

from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff.ops.collective import Collective

_SMALL = 64  # bytes of a constant worth comparing by value


def merge_common(program: Program) -> Program:
    """Equal nodes become one, unless one of them is there to be computed again; so do small constants of
    equal bytes."""
    seen: dict[Hashable, int] = {}

    def rewrite(node: Node) -> Node | int:
        key = _key(node, program)
        if key is None:
            return node
        known = seen.setdefault(key, node.id)
        return node if known == node.id else known

    return program.rewritten(rewrite)


def _key(node: Node, program: Program) -> Hashable | None:
    if isinstance(node.primitive, Collective):
        return None  # other processes, whose programs may be others, wait for each of them
    if node.primitive is not None:
        # Spelled out, because 1, True and 1.0 are equal as keys, and so are 0.0 and −0.0.
        params = tuple((k, repr(v)) for k, v in node.params.items())
        return node.primitive, node.inputs, params, node.again
    constant = program.constants.get(node.id)
    if constant is None or constant.size * constant.dtype.itemsize > _SMALL:
        return None
    return node.spec, constant.numpy().tobytes()
