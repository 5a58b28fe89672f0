"""Where results go: over an operand that is not needed any more, into a buffer kept between calls, or into
memory of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from typing import Any

import torch

from graphdiff.compile.program import Program
from graphdiff.graph import Node, TensorSpec
from graphdiff_torch.arrays import TORCH

Array = Any


def _threshold(g: Array, x: Array, *, out: Array) -> Array:
    return torch.ops.aten.threshold_backward.grad_input(g, x, 0, grad_input=out)


def _relu(x: Array, *, out: Array) -> Array:
    return torch.clamp_min(x, 0, out=out)  # what relu does


# Primitive name -> the same computed into a given tensor, which may be an operand of the result's spec.
ELEMENTWISE: dict[str, Callable[..., Array]] = {
    name: getattr(torch, own)
    for name, own in {
        "add": "add",
        "accumulate": "add",
        "subtract": "sub",
        "multiply": "mul",
        "divide": "div",
        "negative": "neg",
        "reciprocal": "reciprocal",
        "square": "square",
        "exp": "exp",
        "expm1": "expm1",
        "log": "log",
        "log1p": "log1p",
        "sqrt": "sqrt",
        "sin": "sin",
        "cos": "cos",
        "tanh": "tanh",
        "sigmoid": "sigmoid",
        "abs": "abs",
        "maximum": "maximum",
        "minimum": "minimum",
    }.items()
} | {"relu": _relu, "relu_grad": _threshold}
# The same where no operand may be given.
OTHERS: dict[str, Callable[..., Array]] = {"matmul": torch.mm, "addmm": torch.addmm}


class Memory:
    """A plan for one program.

    Attributes:
        over: id of a node -> id of the operand over which its result is written.
        buffers: id of a node -> the tensor that its result is written into.

    Args:
        table: names whose kernels are torch's own.
        keep: whether to keep buffers; memory on a GPU has an allocator that keeps it anyway.
    """

    def __init__(
        self,
        program: Program,
        table: Container[str],
        joint: Container[int],
        roots: Mapping[int, frozenset[int]],
        keep: bool,
    ) -> None:
        self.over: dict[int, int] = {}
        self.buffers: dict[int, Array] = {}
        self._program = program
        self._joint = joint
        self._table = table
        self._specs = {node.id: node.spec for node in program.nodes}
        self._roots = roots
        self._escaping = {r for i in program.outputs for r in self._roots[i]}
        self._plan(keep)

    def _plan(self, keep: bool) -> None:
        program, roots = self._program, self._roots
        ends = {r: k for k, node in enumerate(program.nodes) for i in node.inputs for r in roots[i]}
        computed = {node.id for node in program.nodes if node.primitive is not None}
        holder: dict[int, Array] = {}  # root -> the buffer it lies in
        free: dict[TensorSpec, list[Array]] = defaultdict(list)
        for k, node in enumerate(program.nodes):
            dying = [r for r in dict.fromkeys(r for i in node.inputs for r in roots[i]) if ends[r] == k]
            if self.takes_out(node):
                over = self._overwritten(node, [r for r in dying if r in computed], holder)
                if over is not None:
                    self.over[node.id] = over
                    dying.remove(over)
                    if over in holder:
                        holder[node.id] = holder.pop(over)
                elif keep and node.id not in self._escaping and len(node.spec.shape) < 4:
                    pool = free[node.spec]
                    holder[node.id] = self.buffers[node.id] = pool.pop() if pool else _empty(node.spec)
            for r in dying:
                if r in holder:
                    free[self._specs[r]].append(holder.pop(r))

    def takes_out(self, node: Node) -> bool:
        """Whether the node's result can be computed into a given tensor."""
        if node.primitive is None or node.id in self._joint or not node.spec.dtype.is_floating:
            return False
        name = node.primitive.name
        shapes = [self._specs[i].shape for i in node.inputs]
        if name not in self._table or not node.spec.size:
            return False
        if name == "matmul":
            return all(len(shape) == 2 for shape in shapes)
        if name == "relu_grad":
            return shapes[0] == shapes[1]
        if name == "accumulate":
            return len(shapes) == 2
        return name in ELEMENTWISE or name in OTHERS

    def _overwritten(self, node: Node, dying: list[int], holder: dict[int, Array]) -> int | None:
        assert node.primitive is not None
        if node.primitive.name not in ELEMENTWISE:
            return None
        for i in node.inputs:
            kept = i in holder and node.id in self._escaping  # a buffer is never handed out
            own = i in dying and self._roots[i] == {i} and i not in self._escaping
            seen = any(i in self._roots[k] for k in node.inputs if k != i)  # through a view, as it is written
            if own and not kept and not seen and self._specs[i] is node.spec:
                return i
        return None


def _empty(spec: TensorSpec) -> Array:
    return torch.empty(spec.shape, dtype=TORCH[spec.dtype])
