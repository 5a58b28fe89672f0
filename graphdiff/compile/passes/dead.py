"""Dead code: what no output needs."""

from __future__ import annotations

from dataclasses import replace

from graphdiff.compile.program import Program


def drop_dead(program: Program) -> Program:
    """Keep the outputs and what they are computed from; arguments keep their places."""
    needed = set(program.outputs)
    for node in reversed(program.nodes):
        if node.id in needed:
            needed.update(node.inputs)
    constants = {i: t for i, t in program.constants.items() if i in needed}
    return replace(program, nodes=tuple(n for n in program.nodes if n.id in needed), constants=constants)
