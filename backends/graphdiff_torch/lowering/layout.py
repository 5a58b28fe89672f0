"""In which order the elements of images and filters lie in memory, chosen for a whole program.

torch's kernels hand on the order in which they get their operands, so it is enough to convert the images
that come in and the filters that they meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from graphdiff.compile.program import Program


@dataclass(frozen=True)
class Layout:
    """Attributes:
    converted: ids of the inputs that are brought to channels-last.
    """

    converted: frozenset[int] = frozenset()

    def of(self, i: int) -> torch.memory_format:
        """The order that an input's elements are to have."""
        return torch.channels_last if i in self.converted else torch.contiguous_format

    def __str__(self) -> str:
        return "channels-last" if self.converted else "channels-first"


def layouts(program: Program) -> list[Layout]:
    """The layouts worth trying: channels-last too where there are convolutions."""
    specs = {node.id: node.spec for node in program.nodes}
    met = {i for n in program.nodes if n.primitive and n.primitive.name == "conv2d" for i in n.inputs}
    converted = frozenset(i for i in program.inputs if i in met and len(specs[i].shape) == 4)
    return [Layout(), Layout(converted)] if converted else [Layout()]
