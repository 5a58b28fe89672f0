"""Groups of elementwise operations, block by block: what one operation writes, the next finds in cache.

Arrays are taken in the order of their memory, and neighbouring axes along which every operand is either
whole or a single number become one; blocks are rows of what is left. Only operations whose results depend
on no neighbouring element are in groups, so the bits are those of whole arrays, but for the signs of NaNs,
which IEEE 754 leaves open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from graphdiff.compile.executable import load
from graphdiff.graph import Node, Shape
from graphdiff.kernels import Kernels
from graphdiff_numpy.memory import Layout, Lent
from graphdiff_numpy.patches import scratch
from graphdiff_numpy.threads import shared

Array = np.ndarray[Any, Any]
_BLOCK = 1 << 16  # elements
_LEAST = 1 << 18  # elements of arrays for which blocks pay: smaller ones stay in cache as they are
_COST = 8  # multiply-adds that one element takes as long as
# Correctly rounded or mere choices, whatever the way that NumPy takes through an array.
EXACT = frozenset("add subtract multiply divide negative square sqrt abs relu relu_grad accumulate".split())


def suits(node: Node, layouts: Mapping[int, Layout]) -> bool:
    """Whether a node may be computed in blocks: arrays of one dtype, and large ones in one order."""
    if node.primitive is None or node.primitive.name not in EXACT or node.spec.size < _LEAST:
        return False
    if not node.spec.dtype.is_floating or (node.primitive.name == "accumulate" and len(node.inputs) < 2):
        return False
    mine, *operands = (layouts.get(i) for i in (node.id, *node.inputs))
    if mine is None or any(o is None or o.dtype != mine.dtype for o in operands):
        return False
    return all(o.order == mine.order for o in operands if o is not None and o.shape == mine.shape)


class Blocked:
    """A group as one call.

    Attributes:
        operands: ids of the values that come from outside.
        results: ids of the values that are used outside.
    """

    def __init__(self, nodes: Sequence[Node], layouts: Mapping[int, Layout], wanted: set[int]) -> None:
        inside = {node.id for node in nodes}
        self.nodes = tuple(nodes)
        self.operands = tuple(dict.fromkeys(i for node in nodes for i in node.inputs if i not in inside))
        self.results = tuple(node.id for node in nodes if node.id in wanted)
        self._layout = layouts[nodes[0].id]
        self._shapes = _merged([self._in_order(layouts[i].shape) for i in (nodes[0].id, *self.operands)])

    def _aligned(self, shape: Shape) -> Shape:
        return (1,) * (len(self._layout.shape) - len(shape)) + shape

    def _in_order(self, shape: Shape) -> Shape:
        return tuple(self._aligned(shape)[axis] for axis in self._layout.order)

    def bound(self, buffers: Mapping[int, Array | Lent], kernels: Kernels) -> Callable[..., Sequence[Array]]:
        """The call: arrays of the operands -> arrays of the results, which lie in the buffers."""
        whole, *parts = self._shapes
        order, taken = self._layout.order, [buffers[i] for i in self.results]
        writer = _Writer(self, whole, parts, kernels)
        run, blocks = writer.function(), writer.blocks
        cost = _COST * len(self.nodes) * math.prod(whole)

        def call(*operands: Array) -> Sequence[Array]:
            results = [buffer() if isinstance(buffer, Lent) else buffer for buffer in taken]
            views = [
                x.reshape(self._aligned(x.shape)).transpose(order).reshape(part)
                for x, part in zip(operands, parts, strict=True)
            ]
            views += [x.transpose(order).reshape(whole) for x in results]

            def work(start: int, stop: int) -> None:
                with scratch() as memory:
                    run(views, blocks[start:stop], memory)

            shared(len(blocks), work, cost)
            return results

        return call


def _merged(shapes: Sequence[Shape]) -> list[Shape]:
    """The shapes, the whole one first, after neighbouring axes became one where each shape has all of them
    or none; at least one axis is left."""
    axes = [sizes for sizes in zip(*shapes, strict=True) if sizes[0] > 1]
    merged = []
    for has, together in groupby(axes, key=lambda sizes: [n > 1 for n in sizes]):
        size = math.prod(sizes[0] for sizes in together)
        merged.append([size if there else 1 for there in has])
    return [tuple(sizes[k] for sizes in merged) for k in range(len(shapes))]


class _Writer:
    """Writes the loop over blocks. Values that stay inside a group live in memory as large as a block."""

    def __init__(self, group: Blocked, whole: Shape, parts: Sequence[Shape], kernels: Kernels) -> None:
        rows = max(1, _BLOCK // math.prod(whole[1:]))
        edges = range(0, whole[0], rows)
        self.blocks = [(slice(k, min(k + rows, whole[0])), slice(0, min(rows, whole[0] - k))) for k in edges]
        self._block = (rows, *whole[1:])
        self._group = group
        self._names: dict[str, Any] = {"k_maximum": np.maximum}
        self._kernels = kernels
        self._text = {
            i: f"v{i}[s]" if part[0] > 1 else f"v{i}" for i, part in zip(group.operands, parts, strict=True)
        }
        self._last = {i: node.id for node in group.nodes for i in node.inputs}
        self._scratch: dict[int, str] = {}
        self._free: list[str] = []
        self._memories: list[str] = []

    def function(self) -> Callable[..., None]:
        """(arrays, blocks, memory): computes these blocks of the arrays."""
        group = self._group
        arguments = [f"v{i}" for i in group.operands] + [f"r{i}" for i in group.results]
        loop = ["    for s, n in blocks:", *(f"        {self._line(node)}" for node in group.nodes), ""]
        head = ["def program(arguments, blocks, memory):", f"    {', '.join(arguments)}, = arguments"]
        run: Callable[..., None] = load("\n".join(head + self._memories + loop), self._names)
        return run

    def _line(self, node: Node) -> str:
        assert node.primitive is not None
        name = node.primitive.name
        operands = [self._text[i] for i in node.inputs]
        if name not in ("relu_grad", "accumulate"):  # which read an operand after they began to write
            self._release(node)
        out = f"r{node.id}[s]" if node.id in self._group.results else self._memory(node)
        if name in ("relu_grad", "accumulate"):
            self._release(node)
        self._text[node.id] = f"x{node.id}"
        return f"x{node.id} = {self._call(node, operands, out)}"

    def _call(self, node: Node, operands: Sequence[str], out: str) -> str:
        assert node.primitive is not None
        name = node.primitive.name
        if name == "relu":
            self._names["zero"] = np.zeros((), str(node.spec.dtype))
            return f"k_maximum({operands[0]}, zero, out={out})"
        if name == "accumulate":
            self._names["k_add"] = np.add
            one, two, *others = operands
            rest = "".join(f"; k_add(x{node.id}, {x}, out=x{node.id})" for x in others)
            return f"k_add({one}, {two}, out={out}){rest}"
        self._names[f"k_{name}"] = self._kernels[name]
        return f"k_{name}({', '.join(operands)}, out={out})"

    def _release(self, node: Node) -> None:
        dying = [i for i in dict.fromkeys(node.inputs) if self._last[i] == node.id and i in self._scratch]
        self._free += [self._scratch[i] for i in dying]

    def _memory(self, node: Node) -> str:
        if not self._free:
            name = f"m{len(self._memories)}"
            self._free.append(name)
            self._names["dtype"] = np.dtype(str(node.spec.dtype))  # that of the whole group
            self._memories.append(f"    {name} = memory({name!r}, dtype, *{self._block})")
        self._scratch[node.id] = self._free.pop()
        return f"{self._scratch[node.id]}[n]"
