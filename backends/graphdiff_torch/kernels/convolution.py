"""Convolution and its two transposes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from graphdiff.kernels import Kernels
from graphdiff.ops.spatial import output_sizes

Array = Any
Shape = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def even_padding(padding: Padding) -> Shape | None:
    """The padding per axis where both sides have the same, which is what torch's kernels take."""
    return tuple(before for before, _ in padding) if all(a == b for a, b in padding) else None


def _padded(x: Array, padding: Padding) -> Array:
    return torch.nn.functional.pad(x, [n for pair in reversed(padding) for n in pair])


def _in_floats(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """Integers by way of float64, exact up to 2⁵³: torch convolves them forwards on the CPU alone."""

    def run(x: Array, y: Array, **params: Any) -> Array:
        if x.is_floating_point():
            return kernel(x, y, **params)
        return kernel(x.to(torch.float64), y.to(torch.float64), **params).to(x.dtype)

    return run


def _conv2d(x: Array, w: Array, stride: Shape, padding: Padding, dilation: Shape, groups: int) -> Array:
    if not x.numel() or not w.numel():  # torch does not know what comes of no channels
        sizes = output_sizes(x.shape[2:], w.shape[2:], stride, padding, dilation)
        return x.new_zeros((x.shape[0], w.shape[0], *sizes))
    even = even_padding(padding)
    if even is None:
        x, even = _padded(x, padding), (0, 0)
    return torch.conv2d(x, w, None, stride, even, dilation, groups)


def _backward(
    g: Array, x: Array, w: Array, settings: tuple[Shape, Shape, Shape, int], wanted: Sequence[bool]
) -> Any:
    stride, padding, dilation, groups = settings
    return torch.ops.aten.convolution_backward(
        g, x, w, None, stride, padding, dilation, False, (0, 0), groups, [*wanted, False]
    )


def _unread(like: Array, shape: Shape) -> Array:
    """Stands for an operand of which torch reads the shape alone."""
    return like.new_empty(1).expand(shape)


def _input_grad(
    g: Array,
    w: Array,
    stride: Shape,
    padding: Padding,
    dilation: Shape,
    groups: int,
    input_shape: Shape,
) -> Array:
    if not g.numel() or not w.numel():
        return g.new_zeros(input_shape)
    even, shape = even_padding(padding), input_shape
    if even is None:
        sizes = zip(input_shape[2:], padding, strict=True)
        shape = (*input_shape[:2], *(n + before + after for n, (before, after) in sizes))
    settings = (stride, even or (0, 0), dilation, groups)
    found = _backward(g, _unread(g, shape), w, settings, (True, False))[0]
    if even is None:
        for axis, (before, _) in enumerate(padding, 2):
            found = found.narrow(axis, before, input_shape[axis])
    return found


def _weight_grad(
    x: Array,
    g: Array,
    stride: Shape,
    padding: Padding,
    dilation: Shape,
    groups: int,
    weight_shape: Shape,
) -> Array:
    if not g.numel() or not x.numel():
        return g.new_zeros(weight_shape)
    even = even_padding(padding)
    if even is None:
        x, even = _padded(x, padding), (0, 0)
    settings = (stride, even, dilation, groups)
    return _backward(g, x, _unread(g, weight_shape), settings, (False, True))[1]


CONVOLUTIONS: Kernels = {
    "conv2d": _in_floats(_conv2d),
    "conv2d_input_grad": _in_floats(_input_grad),
    "conv2d_weight_grad": _in_floats(_weight_grad),
}
