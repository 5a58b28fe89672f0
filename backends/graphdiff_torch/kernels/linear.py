"""Products of matrices and Einstein sums."""

from __future__ import annotations

from typing import Any

import torch

from graphdiff.kernels import Kernels

Array = Any


def _matmul(x: Array, y: Array) -> Array:
    if x.is_floating_point() or (x.dtype is not torch.bool and x.device.type == "cpu"):
        return torch.matmul(x, y)
    # torch multiplies matrices of integers on the CPU alone, and of booleans nowhere.
    products = x.unsqueeze(-1) * y.unsqueeze(-3)
    return products.any(-2) if x.dtype is torch.bool else products.sum(-2, dtype=x.dtype)


def _einsum(*arrays: Array, subscripts: str) -> Array:
    return torch.einsum(subscripts, *arrays)


LINEAR: Kernels = {"matmul": _matmul, "einsum": _einsum}
