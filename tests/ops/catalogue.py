"""Every primitive that the modules of ``graphdiff.ops`` define."""

import importlib
import pkgutil

from graphdiff import ops
from graphdiff.primitive import Primitive


def _found() -> dict[str, Primitive]:
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(ops.__path__, "graphdiff.ops.")]
    objects = {id(v): v for m in modules for v in vars(m).values() if isinstance(v, Primitive)}
    named = {p.name: p for p in objects.values()}
    assert len(named) == len(objects), "two primitives share a name, and kernels are found by name"
    return dict(sorted(named.items()))


PRIMITIVES = _found()
