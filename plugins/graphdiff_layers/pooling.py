"""Pooling layers."""

from __future__ import annotations

from typing import Any

import graphdiff as gd


class MaxPool2d(gd.Module):
    """The largest element under each place of a window; options as for :func:`graphdiff.max_pool2d`.

    Shapes: (N, C, H, W) -> (N, C, (H − F + 2P)/stride + 1, likewise).
    """

    def __init__(self, window: Any, stride: Any = None, padding: Any = 0, rounding: str = "exact") -> None:
        self.options = {"window": window, "stride": stride, "padding": padding, "rounding": rounding}

    def forward(self, x: Any) -> gd.Tensor:
        return gd.max_pool2d(x, **self.options)

    def extra_repr(self) -> str:
        return f"{self.options['window']}, stride={self.options['stride'] or self.options['window']}"


class AvgPool2d(gd.Module):
    """The mean under each place of a window; options as for :func:`graphdiff.avg_pool2d`.

    Shapes: (N, C, H, W) -> (N, C, (H − F + 2P)/stride + 1, likewise).
    """

    def __init__(self, window: Any, stride: Any = None, padding: Any = 0, rounding: str = "exact") -> None:
        self.options = {"window": window, "stride": stride, "padding": padding, "rounding": rounding}

    def forward(self, x: Any) -> gd.Tensor:
        return gd.avg_pool2d(x, **self.options)


class AdaptiveAvgPool2d(gd.Module):
    """Means over a grid of ``size`` places that covers the image. Shapes: (N, C, H, W) -> (N, C, *size)."""

    def __init__(self, size: Any) -> None:
        self.size = size

    def forward(self, x: Any) -> gd.Tensor:
        return gd.adaptive_avg_pool2d(x, self.size)


class GlobalAvgPool2d(gd.Module):
    """The mean of every channel's image. Shapes: (N, C, H, W) -> (N, C)."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.global_avg_pool2d(x)
