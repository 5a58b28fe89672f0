"""The convolutional layer."""

from __future__ import annotations

import math
from typing import Any

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.random import generator


class Conv2d(gd.Module):
    """Filters slid over images.

    Args:
        in_channels, out_channels: channels of the input, and number of filters.
        kernel_size: an integer, or (height, width).
        stride, padding, dilation, groups, rounding: as for :func:`graphdiff.conv2d`.
        bias: whether every filter adds a number of its own.
        dtype: of the parameters.
        seed: for the initial values; the shared random numbers by default.

    Attributes:
        weight: (out_channels, in_channels / groups, height, width), drawn from U(−1/√n, 1/√n) with n the
            inputs of one filter, as torch does (Kaiming uniform with a = √5; He et al. 2015, section 2.2).
        bias: (out_channels,), drawn likewise, or ``None``.

    Shapes: (N, in_channels, H, W) -> (N, out_channels, (H − F + 2P)/stride + 1, likewise).

    Raises:
        ArgumentError: sizes below 1, or groups that do not divide the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        rounding: str = "exact",
        *,
        dtype: Any = "float32",
        seed: int | None = None,
    ) -> None:
        window = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        if (
            min(in_channels, out_channels, groups, *window) < 1
            or in_channels % groups
            or out_channels % groups
        ):
            raise ArgumentError(
                f"Conv2d({in_channels}, {out_channels}, {kernel_size}, groups={groups}) has no filters",
                fix="give sizes of at least 1, and groups that divide both numbers of channels",
            )
        self.options = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "rounding": rounding
        }  # fmt: skip
        shape = (out_channels, in_channels // groups, *window)
        rng, bound = generator(seed), 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = gd.Parameter(rng.uniform(-bound, bound, shape), dtype)
        self.bias = gd.Parameter(rng.uniform(-bound, bound, out_channels), dtype) if bias else None

    def forward(self, x: Any) -> gd.Tensor:
        return gd.conv2d(x, self.weight, self.bias, **self.options)

    def extra_repr(self) -> str:
        out, inputs, height, width = self.weight.shape
        window = f"{height}×{width}"
        return f"{inputs * self.options['groups']}, {out}, {window}, stride={self.options['stride']}"
