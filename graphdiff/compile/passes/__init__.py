"""Passes: programs to smaller programs that give the same results to the last bit."""

from __future__ import annotations

from graphdiff.backend import Backend
from graphdiff.compile.passes.common import merge_common
from graphdiff.compile.passes.composites import inline_composites
from graphdiff.compile.passes.dead import drop_dead
from graphdiff.compile.passes.folding import fold_constants
from graphdiff.compile.passes.simplify import simplify
from graphdiff.compile.program import Program

__all__ = ["drop_dead", "fold_constants", "inline_composites", "merge_common", "optimized", "simplify"]


def optimized(program: Program, backend: Backend) -> Program:
    """All passes, in the order in which each makes room for the next."""
    program = inline_composites(drop_dead(program), backend)
    program = simplify(merge_common(program))
    program = fold_constants(program, backend)
    return drop_dead(merge_common(program))
