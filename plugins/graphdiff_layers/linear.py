"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import graphdiff as gd
from graphdiff.arguments import check_flags, check_integers
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.ops.common import located
from graphdiff.random import generator


class Linear(gd.Module):
    """y = x Wᵀ + b.

    Args:
        in_features: size of the last axis of x.
        out_features: size of the last axis of y.
        bias: whether to add b.
        dtype: of the parameters.
        seed: for the initial values; the shared random numbers by default.

    Attributes:
        weight: (out_features, in_features), drawn from U(−1/√in, 1/√in), as torch does (Kaiming uniform
            with a = √5; He et al. 2015, section 2.2).
        bias: (out_features,), drawn likewise, or ``None``.

    Shapes: (…, in_features) -> (…, out_features).

    Raises:
        ArgumentError: sizes below 1.
        ShapeError: more weights than an array can have; on the call, an input whose last axis is not
            in_features.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = "float32",
        seed: int | None = None,
    ) -> None:
        check_integers(in_features=in_features, out_features=out_features)
        check_flags(bias=bias)
        if in_features < 1 or out_features < 1:
            raise ArgumentError(
                f"Linear({in_features}, {out_features}) has no weights", fix="give sizes of at least 1"
            )
        gd.TensorSpec((out_features, in_features), dtype)
        self.in_features = in_features
        self.out_features = out_features
        rng, bound = generator(seed), 1 / math.sqrt(in_features)
        self.weight = gd.Parameter(rng.uniform(-bound, bound, (out_features, in_features)), dtype)
        self.bias = gd.Parameter(rng.uniform(-bound, bound, out_features), dtype) if bias else None

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        if not given.ndim or given.shape[-1] != self.in_features:
            raise located(
                ShapeError(
                    f"layer {self._path or 'Linear'} takes {self.in_features} features on the last axis, "
                    f"the input has shape {given.shape}",
                    fix=f"reshape the input to (…, {self.in_features}) or build the layer for it",
                ),
                "Linear",
                given,
            )
        y = given @ self.weight.T
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}{'' if self.bias is not None else ', bias=False'}"
