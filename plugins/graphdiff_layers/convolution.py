"""The convolutional layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import graphdiff as gd
from graphdiff.arguments import check_flags, check_integers
from graphdiff.errors import ArgumentError
from graphdiff.random import generator


class _Filters(gd.Module):
    """Filters, a bias for each output, and the operation that takes them.

    Args:
        sizes: those of the filters are (sizes[0], sizes[1] / groups, kernel_size …); as torch does, they are
            drawn from U(−1/√n, 1/√n) with n the product of all sizes but the first (Kaiming uniform with
            a = √5; He et al. 2015, section 2.2), and the bias likewise.
        options: of the operation.

    Raises:
        ArgumentError: sizes below 1, or groups that do not divide the channels.
    """

    operation: ClassVar[Callable[..., gd.Tensor]]
    rank: ClassVar[int] = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        sizes: tuple[int, int],
        bias: bool,
        dtype: Any,
        seed: int | None,
        **options: Any,
    ) -> None:
        window = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * self.rank
        groups = options["groups"]
        check_integers(in_channels=in_channels, out_channels=out_channels, groups=groups)
        check_flags(bias=bias)
        for size in window:
            check_integers(kernel_size=size)
        if len(window) != self.rank or min(*sizes, groups, *window) < 1 or any(n % groups for n in sizes):
            raise ArgumentError(
                f"{type(self).__name__}({in_channels}, {out_channels}, {kernel_size}, groups={groups}) "
                "has no filters",
                fix="give sizes of at least 1, and groups that divide both numbers of channels",
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.options = options
        shape = gd.TensorSpec((sizes[0], sizes[1] // groups, *window), dtype).shape
        rng, bound = generator(seed), 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = gd.Parameter(rng.uniform(-bound, bound, shape), dtype)
        self.bias = gd.Parameter(rng.uniform(-bound, bound, out_channels), dtype) if bias else None

    def forward(self, x: Any) -> gd.Tensor:
        return type(self).operation(x, self.weight, self.bias, **self.options)

    def extra_repr(self) -> str:
        window = "×".join(map(str, self.weight.shape[2:]))
        return f"{self.in_channels}, {self.out_channels}, {window}, stride={self.options['stride']}"


class _Convolution(_Filters):
    """The arguments of a convolution."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
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
        super().__init__(
            in_channels, out_channels, kernel_size, (out_channels, in_channels), bias, dtype, seed,
            stride=stride, padding=padding, dilation=dilation, groups=groups, rounding=rounding,
        )  # fmt: skip


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

    operation = staticmethod(gd.conv2d)


class Conv1d(_Convolution):
    """Filters slid along sequences: :class:`Conv2d` with one spatial axis.

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size). bias: (out_channels,), or ``None``.

    Shapes: (N, in_channels, L) -> (N, out_channels, (L − F + 2P)/stride + 1).

    Raises:
        ArgumentError: sizes below 1, or groups that do not divide the channels.
    """

    operation = staticmethod(gd.conv1d)
    rank = 1


class ConvTranspose2d(_Filters):
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

    operation = staticmethod(gd.conv_transpose2d)

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
        super().__init__(
            in_channels, out_channels, kernel_size, (in_channels, out_channels), bias, dtype, seed,
            stride=stride, padding=padding, output_padding=output_padding, groups=groups, dilation=dilation,
        )  # fmt: skip
