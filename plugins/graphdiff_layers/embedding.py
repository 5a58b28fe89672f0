"""A table of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.arguments import check_integers
from graphdiff.errors import ArgumentError
from graphdiff.random import generator


class Embedding(gd.Module):
    """A vector for every number, to be learned.

    Args:
        count: how many vectors.
        features: how long each is.
        padding: the number whose vector is 0 at first and is never trained; it may be counted from the end.
        dtype: of the vectors.
        seed: for the initial values; the shared random numbers by default.

    Attributes:
        weight: (count, features), drawn from N(0, 1).

    Shapes: integers (…) -> (…, features). Negative ones count from the end.

    Raises:
        ArgumentError: sizes below 1, padding out of range; on the call, numbers that are out of range or no
            integers.
    """

    def __init__(
        self,
        count: int,
        features: int,
        padding: int | None = None,
        *,
        dtype: Any = "float32",
        seed: int | None = None,
    ) -> None:
        check_integers(count=count, features=features, padding=0 if padding is None else padding)
        gd.TensorSpec((max(count, 0), max(features, 0)), dtype)
        if min(count, features) < 1 or not -count <= (padding or 0) < count:
            raise ArgumentError(
                f"Embedding({count}, {features}, padding={padding}) makes no sense",
                fix="give sizes of at least 1, and padding from 0 to count − 1",
            )
        values = generator(seed).normal(size=(count, features))
        self.padding = None if padding is None else padding % count
        if self.padding is not None:
            values[self.padding] = np.zeros(features)
        self.weight = gd.Parameter(values, dtype)

    def forward(self, numbers: Any) -> gd.Tensor:
        index = gd.as_tensor(numbers)
        vectors = gd.take(self.weight, index, 0)
        if self.padding is None:
            return vectors
        from_end = self.padding - self.weight.shape[0]
        trained = gd.logical_and(gd.not_equal(index, self.padding), gd.not_equal(index, from_end))
        return gd.where(gd.expand_dims(trained, -1), vectors, gd.stop_gradient(vectors))

    def extra_repr(self) -> str:
        count, features = self.weight.shape
        return f"{count}, {features}"
