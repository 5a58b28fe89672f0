"""The convolutional layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.random import generator


class _Convolution(gd.Module):
    """Filters, a bias for each, and the operation that takes them.

    Args:
        operation: :func:`graphdiff.conv2d` or a relative.
        shape: of the filters; as torch does, they are drawn from U(−1/√n, 1/√n) with n the product of all
            sizes but the first (Kaiming uniform with a = √5; He et al. 2015, section 2.2), and the bias
            likewise.
        out_channels: numbers of the bias.
        options: of the operation.
    """

    def __init__(
        self,
        operation: Callable[..., gd.Tensor],
        shape: tuple[int, ...],
        out_channels: int,
        options: dict[str, Any],
        bias: bool,
        dtype: Any,
        seed: int | None,
    ) -> None:
        self._operation = operation
        self.options = options
        rng, bound = generator(seed), 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = gd.Parameter(rng.uniform(-bound, bound, shape), dtype)
        self.bias = gd.Parameter(rng.uniform(-bound, bound, out_channels), dtype) if bias else None

    def forward(self, x: Any) -> gd.Tensor:
        return self._operation(x, self.weight, self.bias, **self.options)

    def extra_repr(self) -> str:
        one, two, *window = self.weight.shape
        two *= self.options["groups"]
        return f"{two}, {one}, {'×'.join(map(str, window))}, stride={self.options['stride']}"


def _window(layer: str, channels: tuple[int, int], size: Any, rank: int, groups: int) -> tuple[int, ...]:
    """The size of a filter along every axis.

    Raises:
        ArgumentError: sizes below 1, or groups that do not divide the channels.
    """
    window = (size,) * rank if isinstance(size, int) else tuple(size)
    sizes = (*channels, groups, *window)
    if len(window) != rank or min(sizes) < 1 or any(n % groups for n in channels):
        raise ArgumentError(
            f"{layer}({channels[0]}, {channels[1]}, {size}, groups={groups}) has no filters",
            fix="give sizes of at least 1, and groups that divide both numbers of channels",
        )
    return window


class Conv2d(_Convolution):
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
        window = _window("Conv2d", (in_channels, out_channels), kernel_size, 2, groups)
        options = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "rounding": rounding
        }  # fmt: skip
        shape = (out_channels, in_channels // groups, *window)
        super().__init__(gd.conv2d, shape, out_channels, options, bias, dtype, seed)


class Conv1d(_Convolution):
    """Filters slid along sequences: :class:`Conv2d` with one spatial axis.

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size). bias: (out_channels,), or ``None``.

    Shapes: (N, in_channels, L) -> (N, out_channels, (L − F + 2P)/stride + 1).

    Raises:
        ArgumentError: sizes below 1, or groups that do not divide the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Any = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        rounding: str = "exact",
        *,
        dtype: Any = "float32",
        seed: int | None = None,
    ) -> None:
        window = _window("Conv1d", (in_channels, out_channels), kernel_size, 1, groups)
        options = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "rounding": rounding
        }  # fmt: skip
        shape = (out_channels, in_channels // groups, *window)
        super().__init__(gd.conv1d, shape, out_channels, options, bias, dtype, seed)


class ConvTranspose2d(_Convolution):
    """A convolution transposed: every place of the input spreads its filters, ``stride`` apart.

    Args:
        in_channels, out_channels: channels of the input and of the output.
        kernel_size: an integer, or (height, width).
        stride, padding, output_padding, groups, dilation: as for :func:`graphdiff.conv_transpose2d`.
        bias: whether every output channel adds a number of its own.
        dtype: of the parameters.
        seed: for the initial values; the shared random numbers by default.

    Attributes:
        weight: (in_channels, out_channels / groups, height, width), drawn from U(−1/√n, 1/√n) with
            n = out_channels / groups · height · width, as torch does.
        bias: (out_channels,), drawn likewise, or ``None``.

    Shapes: (N, in_channels, H, W) -> (N, out_channels,
    (H − 1) · stride − 2P + dilation · (F − 1) + output_padding + 1, likewise).

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
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        *,
        dtype: Any = "float32",
        seed: int | None = None,
    ) -> None:
        window = _window("ConvTranspose2d", (in_channels, out_channels), kernel_size, 2, groups)
        options = {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
        }
        shape = (in_channels, out_channels // groups, *window)
        super().__init__(gd.conv_transpose2d, shape, out_channels, options, bias, dtype, seed)

    def extra_repr(self) -> str:
        inputs, outputs, height, width = self.weight.shape
        outputs *= self.options["groups"]
        return f"{inputs}, {outputs}, {height}×{width}, stride={self.options['stride']}"
