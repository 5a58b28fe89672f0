"""Every primitive that the modules of ``graphdiff.ops`` define."""

from graphdiff.testing.backend import built_in

PRIMITIVES = {p.name: p for p in built_in()}
assert len(PRIMITIVES) == len(built_in()), "two primitives share a name, and kernels are found by name"
