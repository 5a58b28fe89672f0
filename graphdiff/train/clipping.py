"""Clipping of gradients, in graph operations: part of the step."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from graphdiff import ops
from graphdiff.arguments import check_numbers, entries
from graphdiff.errors import ArgumentError
from graphdiff.leaf import as_tensor
from graphdiff.ops.common import located
from graphdiff.tensor import Tensor

_TINY = 1e-6  # as torch has it, so that no norm of 0 is divided by


def global_norm(gradients: Iterable[Tensor]) -> Tensor:
    """√Σ g² over all elements of all gradients; 16-bit ones are squared and summed in float32.

    Raises:
        ArgumentError: no gradients.
    """
    given = [as_tensor(g) for g in entries("gradients", gradients)]
    if not given:
        error = ArgumentError("there are no gradients", fix="give at least one gradient")
        raise located(error, "global_norm")
    wide = [ops.cast(g, "float32") if g.dtype.itemsize < 4 else g for g in given]
    return ops.sqrt(reduce(ops.add, (ops.sum(ops.square(g)) for g in wide)))


class Clipping:
    """What is done to gradients before an update.

    Args:
        norm: the largest norm of all gradients together.
        value: the largest size of an element.

    Raises:
        ArgumentError: limits that are not above 0.
    """

    def __init__(self, norm: float | None, value: float | None) -> None:
        for name, limit in (("clip_norm", norm), ("clip_value", value)):
            if limit is None:
                continue
            check_numbers(**{name: limit})
            if not limit > 0:
                raise ArgumentError(f"{name}={limit} leaves no gradient", fix=f"give {name} > 0 or None")
        self._norm, self._value = norm, value

    def __call__(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        """The gradients within the limits."""
        if self._value is not None:
            gradients = {n: ops.clip(g, -self._value, self._value) for n, g in gradients.items()}
        if self._norm is not None and gradients:
            factor = ops.minimum(self._norm / (global_norm(gradients.values()) + _TINY), 1)
            gradients = {n: g * ops.cast(factor, g.dtype) for n, g in gradients.items()}
        return gradients
