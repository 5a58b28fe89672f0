"""A program as straight-line NumPy: results written into buffers that are kept between calls.

Which value lives in which buffer is planned once, from liveness: a buffer is free again after the last use
of the value in it and of every view of it. Results handed out are never in a buffer, so the next call
leaves them alone. The same ufuncs run on the same operands in the same order as eagerly, so the results
are equal to the last bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphdiff.backend import Backend
from graphdiff.compile.executable import Executable, assemble, call, last_uses
from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff_numpy.kernels import RAW

# Kernels that are ufuncs: they take out=, and it may be one of their operands.
_UFUNCS = frozenset(name for name, kernel in RAW.items() if isinstance(kernel, np.ufunc) and name != "matmul")
# Kernels whose result may share memory with their first operand.
_VIEWS = frozenset({"reshape", "transpose", "broadcast_to", "slice", "identity", "stop_gradient", "cast"})
# Kernels whose result is always memory of its own.
_FRESH = frozenset(RAW) - _VIEWS - {"index"}


def lower(program: Program, backend: Backend) -> Executable:
    """Generate the program; see the module's docstring."""
    names: dict[str, Any] = {"errstate": np.errstate}
    buffers = _plan(program)
    lines: list[tuple[str, Node | None]] = []
    last = last_uses(program)
    for node in program.nodes:
        if node.primitive is None:
            continue
        kernel = RAW.get(node.primitive.name) or backend.kernel(node.primitive)
        if kernel is None:
            raise backend.missing(node.primitive)
        lines.append((_statement(node, kernel, buffers, names), node))
        dead = [f"v{i}" for i in dict.fromkeys(node.inputs) if last.get(i) == node.id and i not in buffers]
        dead = [name for name in dead if int(name[1:]) not in program.constants]
        if dead:
            lines.append((f"del {', '.join(dead)}", None))
    return assemble(program, lines, names, enter='with errstate(all="ignore"):')


def _statement(node: Node, kernel: Any, buffers: Mapping[int, np.ndarray], names: dict[str, Any]) -> str:
    assert node.primitive is not None
    if node.id not in buffers:
        return f"v{node.id} = {call(node, kernel, names)}"
    names[f"b{node.id}"] = buffers[node.id]
    operands = ", ".join(f"v{i}" for i in node.inputs)
    if node.primitive.name == "sum":
        names["k_reduce"] = np.add.reduce
        axes, keepdims = node.params["axes"], node.params["keepdims"]
        return f"v{node.id} = k_reduce({operands}, {axes}, None, b{node.id}, {keepdims})"
    if node.primitive.name == "relu":
        names["k_maximum"] = np.maximum
        names[f"z{node.id}"] = np.zeros((), str(node.spec.dtype))
        return f"v{node.id} = k_maximum({operands}, z{node.id}, out=b{node.id})"
    if node.primitive.name == "accumulate":
        names["k_add"] = np.add
        total = f"v{node.inputs[0]}"
        for i in node.inputs[1:]:
            total = f"k_add({total}, v{i}, out=b{node.id})"
        return f"v{node.id} = {total}"
    names[f"k_{node.primitive.name}"] = kernel
    return f"v{node.id} = k_{node.primitive.name}({operands}, out=b{node.id})"


def _plan(program: Program) -> dict[int, np.ndarray[Any, Any]]:
    """id -> the buffer its value is written to, for the nodes whose values stay inside."""
    roots = _roots(program)
    escaping = {r for i in program.outputs for r in roots[i]}
    ends: dict[int, int] = {}
    order = {node.id: k for k, node in enumerate(program.nodes)}
    for node in program.nodes:
        for i in node.inputs:
            for r in roots[i]:
                ends[r] = order[node.id]
    free: dict[tuple[Any, ...], list[np.ndarray[Any, Any]]] = defaultdict(list)
    plan: dict[int, np.ndarray[Any, Any]] = {}
    for k, node in enumerate(program.nodes):
        if not _takes_out(node) or node.id in escaping:
            _release(node, k, ends, roots, plan, free)
            continue
        # An operand of an elementwise operation that dies here may be overwritten element by element.
        in_place = node.primitive is not None and (
            node.primitive.name in _UFUNCS or node.primitive.name == "relu"
        )
        in_place = in_place and not _reads_views(node, roots, plan)
        if in_place:
            _release(node, k, ends, roots, plan, free)
        pool = free[node.spec.shape, node.spec.dtype]
        plan[node.id] = pool.pop() if pool else np.empty(node.spec.shape, str(node.spec.dtype))
        if not in_place:
            _release(node, k, ends, roots, plan, free)
    return plan


def _takes_out(node: Node) -> bool:
    if node.primitive is None or not node.spec.shape:
        return False
    name = node.primitive.name
    if name == "accumulate":
        return len(node.inputs) > 1
    return name in _UFUNCS or name in ("matmul", "relu") or (name == "sum" and node.spec.dtype.is_floating)


def _reads_views(node: Node, roots: Mapping[int, frozenset[int]], plan: Mapping[int, Any]) -> bool:
    """Whether an operand is a view of a buffer: then the result's elements need not lie over its own."""
    return any(roots[i] != {i} and any(r in plan for r in roots[i]) for i in node.inputs)


def _release(
    node: Node,
    k: int,
    ends: Mapping[int, int],
    roots: Mapping[int, frozenset[int]],
    plan: Mapping[int, np.ndarray[Any, Any]],
    free: dict[tuple[Any, ...], list[np.ndarray[Any, Any]]],
) -> None:
    """Give back the buffers of values that are used here for the last time."""
    for r in {r for i in node.inputs for r in roots[i]}:
        if ends.get(r) == k and r in plan:
            buffer = plan[r]
            free[buffer.shape, np.dtype(buffer.dtype).name].append(buffer)


def _roots(program: Program) -> dict[int, frozenset[int]]:
    """id -> the nodes whose memory its value may lie in."""
    roots: dict[int, frozenset[int]] = {i: frozenset({i}) for i in program.inputs}
    for node in program.nodes:
        name = node.primitive.name if node.primitive else ""
        if not name or name in _FRESH:
            roots[node.id] = frozenset({node.id})
        elif name in _VIEWS:
            roots[node.id] = roots[node.inputs[0]]
        else:  # a stranger's kernel may return a view of anything
            roots[node.id] = frozenset({node.id}).union(*(roots[i] for i in node.inputs))
    return roots
