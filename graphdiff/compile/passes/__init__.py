"""Passes: programs to smaller programs that give the same results to the last bit."""

from __future__ import annotations

from graphdiff.backend import Backend
from graphdiff.compile.passes.common import merge_common
from graphdiff.compile.passes.composites import inline_composites
from graphdiff.compile.passes.dead import drop_dead
from graphdiff.compile.passes.folding import fold_constants
from graphdiff.compile.passes.relus import relus_by_result
from graphdiff.compile.passes.rematerialise import estimated_peak, rematerialise
from graphdiff.compile.passes.simplify import simplify
from graphdiff.compile.program import Program

__all__ = [
    "drop_dead",
    "estimated_peak",
    "fold_constants",
    "inline_composites",
    "merge_common",
    "optimized",
    "relus_by_result",
    "rematerialise",
    "simplify",
]


def optimized(program: Program, backend: Backend, memory_budget: int | None = None) -> Program:
    """All passes, in the order in which each makes room for the next.

    Raises:
        ArgumentError: a memory budget that cannot be met.
    """
    program = inline_composites(drop_dead(program), backend)
    program = simplify(merge_common(program))
    program = fold_constants(program, backend)
    program = drop_dead(merge_common(program))
    return program if memory_budget is None else rematerialise(program, memory_budget)
