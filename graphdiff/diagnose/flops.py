"""How many floating-point operations a graph takes, by the rules of its primitives.

The convention: a multiplication and the addition of its product are two, so the multiply-adds (MACs) that
papers print are half of a convolution's or matrix product's count. Padding counts as what it is computed
like: zeros are multiplied. Moving numbers costs nothing, each element of an elementwise result one, whatever
the function. Composites cost what their parts cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphdiff import context
from graphdiff.autodiff.walk import ancestors
from graphdiff.graph import Graph, TensorSpec
from graphdiff.leaf import abstract
from graphdiff.primitive import Composite, Primitive


class Counter:
    """Counts nodes, alike ones once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], int] = {}

    def of_graph(self, graph: Graph) -> dict[int, int]:
        """id -> operations, of every node."""
        return {
            node.id: self.of(node.primitive, node.spec, [graph[i].spec for i in node.inputs], node.params)
            if node.primitive is not None
            else 0
            for node in graph
        }

    def of(
        self, primitive: Primitive, out: TensorSpec, specs: Sequence[TensorSpec], params: Mapping[str, Any]
    ) -> int:
        """The operations of a primitive at these specs and parameters."""
        key = (primitive, *specs, *params.items())
        if key not in self._known:
            self._known[key] = self._counted(primitive, out, specs, params)
        return self._known[key]

    def _counted(
        self, primitive: Primitive, out: TensorSpec, specs: Sequence[TensorSpec], params: Mapping[str, Any]
    ) -> int:
        if primitive.flops is not None:
            return primitive.flops(out, *specs, **params)
        if isinstance(primitive, Composite):
            with context.apart():
                result = primitive.decompose(*map(abstract, specs), **params)
            return sum(
                self.of(t.primitive, t.spec, [x.spec for x in t.inputs], t.params)
                for t in ancestors(result)
                if t.primitive is not None
            )
        return out.size if primitive.elementwise else 0
