"""Convolution, as networks use the word: a filter slides over the input, and at every place the products
with what lies under it are summed (no flip).

Tensors are laid out NCHW (batch, channel, height, width), filters OIHW (output channel, input channel of
the group, height, width). With stride s, dilation d and padding p before each axis,

    y[n, o, h, v] = Σ_{c, i, j} x[n, c, s·h + d·i − p, s·v + d·j − p] · w[o, c, i, j]

The product is linear in x and in w, so its two transposes are the gradients: ``conv2d_input_grad`` and
``conv2d_weight_grad``. The three are each other's vjps, to any order. (V. Dumoulin, F. Visin: A guide to
convolution arithmetic for deep learning, arXiv:1603.07285.)
"""

from __future__ import annotations

import math
from typing import Any

from graphdiff.errors import ArgumentError, DTypeError, ShapeError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.ops import samples
from graphdiff.ops.arrangement import pad
from graphdiff.ops.common import locating
from graphdiff.ops.precision import for_product
from graphdiff.ops.shape import expand_dims, reshape, squeeze
from graphdiff.ops.spatial import (
    AXES,
    Padding,
    Pair,
    fitted,
    integers,
    lifted,
    output_sizes,
    padding_pairs,
    spans,
)
from graphdiff.primitive import Primitive
from graphdiff.tensor import Tensor

# Shape rules


def _check_operands(x: Shape, w: Shape, groups: int, rank: int = 2) -> None:
    """The input and the filters have the right ranks, and their channels match.

    Raises:
        ShapeError: they do not.
    """
    layout = f"(batch, channel, {', '.join(AXES[rank])})"
    if len(x) != rank + 2:
        raise ShapeError(
            f"the input has shape {x}, not {layout}", fix="reshape it; one image is a batch of one"
        )
    if len(w) != rank + 2 or not all(w[2:]):
        raise ShapeError(
            f"the filters have shape {w}, not (output channel, input channel, {', '.join(AXES[rank])})",
            fix="reshape them; every filter has at least one element",
        )
    if x[1] % groups or w[0] % groups:
        raise ShapeError(
            f"{x[1]} input and {w[0]} output channels do not divide into {groups} groups",
            fix="groups must divide both",
        )
    if x[1] // groups != w[1]:
        of_group = f" in each of {groups} groups" if groups > 1 else ""
        raise ShapeError(
            f"the input has {x[1] // groups} channels{of_group}, the filters expect {w[1]}",
            fix="the filters' second size must be the number of input channels divided by groups",
        )


def _output_shape(x: Shape, w: Shape, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Shape:
    _check_operands(x, w, groups)
    return (x[0], w[0], *output_sizes(x[2:], w[2:], stride, padding, dilation))


def _numeric(spec: TensorSpec) -> None:
    if spec.dtype == "bool":
        raise DTypeError("booleans have no arithmetic", fix="cast first: x.astype('float64')")


def _conv2d_spec(x: TensorSpec, w: TensorSpec, **params: Any) -> TensorSpec:
    _numeric(x)
    return TensorSpec(_output_shape(x.shape, w.shape, **params), x.dtype)


def _check_gradient(g: TensorSpec, expected: Shape) -> None:
    _numeric(g)
    if g.shape != expected:
        raise ShapeError(
            f"the upstream gradient has shape {g.shape}, the convolution's output {expected}",
            fix="it must have the shape of the output",
        )


def _input_grad_spec(g: TensorSpec, w: TensorSpec, input_shape: Shape, **params: Any) -> TensorSpec:
    _check_gradient(g, _output_shape(input_shape, w.shape, **params))
    return TensorSpec(input_shape, g.dtype)


def _weight_grad_spec(x: TensorSpec, g: TensorSpec, weight_shape: Shape, **params: Any) -> TensorSpec:
    _check_gradient(g, _output_shape(x.shape, weight_shape, **params))
    return TensorSpec(weight_shape, g.dtype)


def _flops(places: TensorSpec, filters: Shape) -> int:
    """A multiplication and an addition for every weight that every place sees, padding among what is seen."""
    return 2 * places.size * math.prod(filters[1:])


# Primitives

_conv2d: Primitive = Primitive(
    "conv2d",
    spec=_conv2d_spec,
    vjp=(
        lambda g, out, x, w, **p: _input_grad(g, w, input_shape=x.shape, **p),
        lambda g, out, x, w, **p: _weight_grad(x, g, weight_shape=w.shape, **p),
    ),
    formula=("∇ ∗ᵀ w", "x ∗ ∇"),
    linear=True,
    flops=lambda out, x, w, **_: _flops(out, w.shape),
    unify=slice(None),
    symbol="∗",
    samples=samples.convolution,
    doc="The products of filters with what lies under them, summed at every place.",
)

_input_grad: Primitive = Primitive(
    "conv2d_input_grad",
    spec=_input_grad_spec,
    vjp=(
        lambda u, out, g, w, input_shape, **p: _conv2d(u, w, **p),
        lambda u, out, g, w, input_shape, **p: _weight_grad(u, g, weight_shape=w.shape, **p),
    ),
    formula=("∇ ∗ w", "∇ ∗ g"),
    linear=True,
    flops=lambda out, g, w, **_: _flops(g, w.shape),
    unify=slice(None),
    symbol="∗ᵀ",
    samples=samples.convolution_input_grad,
    doc="conv2d transposed in its input: every place spreads its filters, weighted by g.",
)

_weight_grad: Primitive = Primitive(
    "conv2d_weight_grad",
    spec=_weight_grad_spec,
    vjp=(
        lambda u, out, x, g, weight_shape, **p: _input_grad(g, u, input_shape=x.shape, **p),
        lambda u, out, x, g, weight_shape, **p: _conv2d(x, u, **p),
    ),
    formula=("g ∗ᵀ ∇", "x ∗ ∇"),
    linear=True,
    flops=lambda out, x, g, **_: _flops(g, out.shape),
    unify=slice(None),
    symbol="∗",
    samples=samples.convolution_weight_grad,
    doc="conv2d transposed in its filters: what lay under them, weighted by g and summed over all places.",
)


# Functions


def conv2d(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    rounding: str = "exact",
) -> Tensor:
    """Filters slid over images.

    Args:
        x: (N, C, H, W).
        w: (O, C / groups, kernel height, kernel width).
        bias: (O,), added to every place.
        stride, dilation: an integer, or one per axis.
        padding: zeros around: an integer, one per axis, a pair (before, after) per axis, ``"valid"``
            (none) or ``"same"`` (the output has ⌈H / stride⌉ places).
        groups: the channels are cut into so many groups, each with filters of its own.
        rounding: what to do where (H − F + 2P) / stride + 1 is not whole: ``"exact"`` refuses, ``"floor"``
            leaves the end of the image out, as the common frameworks do.

    Returns:
        (N, O, H', W') in the dtype of the operands, which meet as in arithmetic.

    Raises:
        ShapeError: wrong ranks or channels, groups that do not divide them, filters larger than the
            padded image, or filters that do not fit; then the message shows the sum, ``(7 - 3) / 3 + 1 =
            2.33``, and the nearest strides and paddings that fit.
        ArgumentError: a parameter that is not understood.
    """
    return _convolved("conv2d", x, w, bias, (stride, padding, dilation, groups, rounding), 2)


def conv1d(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    rounding: str = "exact",
) -> Tensor:
    """Filters (O, C / groups, F) slid along sequences (N, C, L): :func:`conv2d` on images of height 1.

    ``padding`` may be a pair (before, after); otherwise arguments and errors are those of conv2d.
    """
    return _convolved("conv1d", x, w, bias, (stride, padding, dilation, groups, rounding), 1)


def _convolved(operation: str, x: Any, w: Any, bias: Any, options: tuple[Any, ...], rank: int) -> Tensor:
    x, w = for_product(as_tensor(x), as_tensor(w))
    stride, padding, dilation, groups, rounding = options
    with locating(operation, x, w):
        stride, dilation = integers("stride", stride, rank), integers("dilation", dilation, rank)
        (groups,) = integers("groups", groups, 1)
        _check_operands(x.shape, w.shape, groups, rank)
        if isinstance(rounding, str) and rounding == "ceil":
            raise ArgumentError("filters do not reach beyond the padding", fix='use rounding="floor"')
        padding = fitted(x.shape[2:], w.shape[2:], stride, padding, dilation, rounding)
    lift = rank == 1
    out = _conv2d(
        expand_dims(x, 2) if lift else x,
        expand_dims(w, 2) if lift else w,
        stride=lifted(stride, 1),
        padding=lifted(padding, (0, 0)),
        dilation=lifted(dilation, 1),
        groups=groups,
    )
    return _biased(operation, squeeze(out, 2) if lift else out, bias)


def _biased(operation: str, out: Tensor, bias: Any) -> Tensor:
    if bias is None:
        return out
    b = as_tensor(bias)
    with locating(operation, b):
        if b.shape != out.shape[1:2]:
            raise ShapeError(
                f"the bias has shape {b.shape}, not ({out.shape[1]},)",
                fix="give one number per output channel",
            )
    return out + reshape(b, (b.size, *[1] * (out.ndim - 2)))


def conv_transpose2d(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """conv2d transposed: every place of x spreads the filters it belongs to, ``stride`` apart.

    Args:
        x: (N, C, H, W).
        w: (C, O / groups, kernel height, kernel width), as torch has it.
        bias: (O,).
        stride, dilation, groups: of the convolution that is transposed.
        padding: how much is cut off the result: an integer, one per axis, or pairs (before, after).
        output_padding: how much is added after each axis of the result; below the stride or the dilation.

    Returns:
        (N, O, (H − 1) · stride − 2 · padding + dilation · (F − 1) + output_padding + 1, …).

    Raises:
        ShapeError: wrong ranks or channels, or a result without elements.
        ArgumentError: a parameter that is not understood.
    """
    options = (stride, padding, output_padding, groups, dilation)
    return _transposed("conv_transpose2d", x, w, bias, options, 2)


def conv_transpose1d(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """conv1d transposed: :func:`conv_transpose2d` of sequences (N, C, L) and filters (C, O / groups, F)."""
    options = (stride, padding, output_padding, groups, dilation)
    return _transposed("conv_transpose1d", x, w, bias, options, 1)


def _transposed(operation: str, x: Any, w: Any, bias: Any, options: tuple[Any, ...], rank: int) -> Tensor:
    x, w = for_product(as_tensor(x), as_tensor(w))
    stride, padding, extra, groups, dilation = options
    with locating(operation, x, w):
        stride, dilation = integers("stride", stride, rank), integers("dilation", dilation, rank)
        extra = integers("output_padding", extra, rank, minimum=0)
        (groups,) = integers("groups", groups, 1)
        pairs = padding_pairs(padding, rank)
        _check_transposed(x.shape, w.shape, groups, rank)
        whole = _spread_sizes(x.shape[2:], w.shape[2:], stride, dilation, pairs, extra)
    # The end of the result that the extra elements uncover was cut off as padding; what lies beyond that
    # no filter reaches.
    cut = tuple((a, max(b - more, 0)) for (a, b), more in zip(pairs, extra, strict=True))
    beyond = tuple(max(more - b, 0) for (_, b), more in zip(pairs, extra, strict=True))
    sizes = tuple(n - more for n, more in zip(whole, beyond, strict=True))
    lift = rank == 1
    out = _input_grad(
        expand_dims(x, 2) if lift else x,
        expand_dims(w, 2) if lift else w,
        stride=lifted(stride, 1),
        padding=lifted(cut, (0, 0)),
        dilation=lifted(dilation, 1),
        groups=groups,
        input_shape=(x.shape[0], w.shape[1] * groups, *lifted(sizes, 1)),
    )
    out = squeeze(out, 2) if lift else out
    if any(beyond):
        out = pad(out, ((0, 0), (0, 0), *((0, more) for more in beyond)))
    return _biased(operation, out, bias)


def _check_transposed(x: Shape, w: Shape, groups: int, rank: int) -> None:
    _check_operands((x[0], w[1] * groups, *x[2:]) if len(x) == len(w) == rank + 2 else x, w, groups, rank)
    if x[1] != w[0]:
        raise ShapeError(
            f"the input has {x[1]} channels, the filters expect {w[0]}",
            fix="the filters' first size must be the number of input channels",
        )


def _spread_sizes(
    sizes: Shape, kernel: Shape, stride: Shape, dilation: Shape, pairs: Padding, extra: Shape
) -> Shape:
    """Sizes of the result of a transposed convolution.

    Raises:
        ArgumentError: too much output padding. ShapeError: more is cut off than there is.
    """
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ArgumentError(
            f"output_padding {extra} is not below stride {stride} or dilation {dilation}",
            fix="it chooses among the input sizes that a stride rounds to one output size; keep it smaller",
        )
    reach = spans(kernel, dilation)
    whole = tuple(
        (n - 1) * s - sum(pair) + span + more
        for n, s, pair, span, more in zip(sizes, stride, pairs, reach, extra, strict=True)
    )
    if min(whole) < 1:
        raise ShapeError(
            f"padding {pairs} leaves nothing of a result of "
            f"{tuple(n + sum(pair) for n, pair in zip(whole, pairs, strict=True))}",
            fix="cut off less",
        )
    return whole
