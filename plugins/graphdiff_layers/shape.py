"""Layers that change the shape alone."""

from __future__ import annotations

from typing import Any

import graphdiff as gd


class Flatten(gd.Module):
    """All axes behind the first made one. Shapes: (N, …) -> (N, product of the rest)."""

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        return gd.reshape(given, (given.shape[0], given.size // given.shape[0] if given.shape[0] else 0))
