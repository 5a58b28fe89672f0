"""In which order the elements of images and filters lie in memory, chosen for a whole program.

torch's kernels hand on the order in which they get their operands, so it is enough to convert the images
that come in and the filters that they meet. On the CPU every convolution copies its filter, and oneDNN
has its fastest kernels for large filters on small images in channels-first: such convolutions keep to it,
and what passes between the two orders is converted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import torch

from graphdiff.compile.program import Program
from graphdiff.graph import Node, TensorSpec
from graphdiff_torch.lowering.fused import CHANNELS_FIRST, CHANNELS_LAST, SGD, VELOCITY

_Specs = Mapping[int, TensorSpec]


@dataclass(frozen=True)
class Layout:
    """Attributes:
    converted: ids of the inputs that are brought to channels-last.
    by_size: whether convolutions with filters larger than their images stay in channels-first.
    """

    converted: frozenset[int] = frozenset()
    by_size: bool = False

    def of(self, i: int) -> torch.memory_format:
        """The order that an input's elements are to have."""
        return torch.channels_last if i in self.converted else torch.contiguous_format

    def __str__(self) -> str:
        return "channels-last" if self.converted else "channels-first"


def layouts(program: Program, by_size: bool) -> list[Layout]:
    """The layouts worth trying: channels-last too where there are convolutions that gain by it."""
    specs = {node.id: node.spec for node in program.nodes}
    met = {
        i
        for n in program.nodes
        if n.primitive and n.primitive.name == "conv2d" and not (by_size and _has_large_filter(n, specs))
        for i in n.inputs
    }
    converted = frozenset(i for i in program.inputs if i in met and len(specs[i].shape) == 4)
    return [Layout(), Layout(converted, by_size)] if converted else [Layout()]


def _has_large_filter(node: Node, specs: _Specs) -> bool | None:
    """Whether a convolution's filter has more elements than its images; ``None`` of anything else."""
    name = node.primitive.name if node.primitive else ""
    if name in ("conv2d", "biased_conv2d"):
        x, w = (specs[i].size for i in node.inputs[:2])
    elif name == "conv2d_input_grad":
        x, w = prod(node.params["input_shape"]), specs[node.inputs[1]].size
    elif name == "conv2d_weight_grad":
        x, w = specs[node.inputs[0]].size, prod(node.params["weight_shape"])
    else:
        return None
    return w > x


def with_conversions(program: Program, layout: Layout) -> Program:
    """The program with every operand brought to the order in which its node computes, each once; an update
    in place brings its gradient to its parameter's order itself."""
    if not layout.by_size:
        return program
    specs = {node.id: node.spec for node in program.nodes}
    last = set(layout.converted)  # values in channels-last
    converted: dict[int, int] = {}
    fresh = iter(range(1 + max([*specs, *program.inputs]), 1 << 62))
    nodes: list[Node] = []
    for node in program.nodes:
        if node.primitive in (SGD, VELOCITY):
            nodes.append(node)
            continue
        images = [i for i in node.inputs if len(specs[i].shape) == 4]
        large = _has_large_filter(node, specs)
        in_last = not large if large is not None else any(i in last for i in images)
        for i in images:
            if (i in last) != in_last and i not in converted and i not in program.inputs:
                converted[i] = next(fresh)
                primitive = CHANNELS_LAST if in_last else CHANNELS_FIRST
                nodes.append(
                    replace(node, id=converted[i], primitive=primitive, inputs=(i,), params={}, spec=specs[i])
                )
        wrong = {i for i in images if (i in last) != in_last}
        inputs = tuple(converted.get(i, i) if i in wrong else i for i in node.inputs)
        nodes.append(node if inputs == node.inputs else replace(node, inputs=inputs))
        if in_last and len(node.spec.shape) == 4:
            last.add(node.id)
    return replace(program, nodes=tuple(nodes))
