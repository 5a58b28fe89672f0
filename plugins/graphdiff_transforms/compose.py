"""Several transforms as one."""

from __future__ import annotations

from graphdiff.arguments import shown
from graphdiff.errors import ArgumentError
from graphdiff.train import Draws, Transform
from graphdiff.train.data import Array


class Compose(Transform):
    """One transform after another, each with random numbers of its own.

    Args:
        transforms: in the order in which they are applied.

    Raises:
        ArgumentError: something that is no :class:`graphdiff.train.Transform`.
    """

    def __init__(self, *transforms: Transform) -> None:
        for transform in transforms:
            if not isinstance(transform, Transform):
                raise ArgumentError(
                    f"Compose: {shown(transform)} is no transform", fix="give Compose(first, second)"
                )
        self.transforms = transforms

    def apply(self, inputs: Array, draws: Draws) -> Array:
        for number, transform in enumerate(self.transforms):
            inputs = transform.apply(inputs, draws.fork(number))
        return inputs

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.transforms))})"
