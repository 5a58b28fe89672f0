"""Windows over planes, laid out NCHW: where the largest element under each place is, what is there, and
sums of what lies under a place.

The position of a largest element has no derivative. Taking what is at a position, and adding to it, are
each other's transposes; so are summing over windows and spreading over them. So derivatives of every order
exist.
"""

from __future__ import annotations

import math
from typing import Any

from graphdiff.errors import DTypeError, ShapeError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.ops import samples
from graphdiff.ops.common import INT
from graphdiff.ops.spatial import AXES, Padding, Pair, output_sizes
from graphdiff.primitive import Composite, Primitive

# Shape rules


def _pooled_shape(
    x: TensorSpec, window: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1)
) -> Shape:
    if x.dtype == "bool":
        raise DTypeError("booleans are not pooled", fix="cast first: x.astype('float64')")
    check_rank(x.shape, 2)
    return (*x.shape[:2], *output_sizes(x.shape[2:], window, stride, padding, dilation))


def check_rank(shape: Shape, rank: int) -> None:
    if len(shape) != rank + 2:
        raise ShapeError(
            f"the input has shape {shape}, not (batch, channel, {', '.join(AXES[rank])})",
            fix="reshape it; one image is a batch of one",
        )


def _index_spec(x: TensorSpec, **params: Any) -> TensorSpec:
    return TensorSpec(_pooled_shape(x, **params), INT)


def _check_index(x: Shape, index: TensorSpec) -> None:
    if not index.dtype.is_integer or len(index.shape) != len(x) or index.shape[:-2] != x[:-2]:
        raise ShapeError(
            f"positions {index!r} for planes of {x}", fix="give integers, and the same batch and channels"
        )


def _gather_spec(x: TensorSpec, index: TensorSpec) -> TensorSpec:
    _check_index(x.shape, index)
    return TensorSpec(index.shape, x.dtype)


def _scatter_spec(g: TensorSpec, index: TensorSpec, shape: Pair) -> TensorSpec:
    _check_index(g.shape, index)
    if g.shape != index.shape:
        raise ShapeError(f"{g.shape} numbers for {index.shape} positions", fix="give one for each")
    return TensorSpec((*g.shape[:-2], *shape), g.dtype)


def _sum_spec(x: TensorSpec, **params: Any) -> TensorSpec:
    return TensorSpec(_pooled_shape(x, **params), x.dtype)


def _spread_spec(g: TensorSpec, shape: Pair, **params: Any) -> TensorSpec:
    whole = TensorSpec((*g.shape[:-2], *shape), g.dtype)
    if _pooled_shape(whole, **params) != g.shape:
        raise ShapeError(
            f"{g.shape} is not what windows of {params} on {shape} give", fix="give one per place"
        )
    return whole


def _channels_spec(x: TensorSpec, before: int, after: int) -> TensorSpec:
    if x.dtype == "bool":
        raise DTypeError("booleans have no arithmetic", fix="cast first: x.astype('float64')")
    if len(x.shape) < 2:
        raise ShapeError(f"shape {x.shape} has no channels", fix="channels are the second axis")
    return x


# Primitives

window_argmax: Primitive = Primitive(
    "window_argmax",
    spec=_index_spec,
    flops=lambda out, x, window, **_: out.size * (math.prod(window) - 1),
    samples=samples.max_pooled,
    doc="Where in its plane (row by row) the largest element under each place is; the first of equal ones.",
)

window_gather: Primitive = Primitive(
    "window_gather",
    spec=_gather_spec,
    vjp=(lambda g, out, x, index: window_scatter(g, index, shape=x.shape[-2:]), None),
    formula=("1 where taken, else 0", "none"),
    symbol="[ ]",
    samples=samples.gathered,
    doc="The elements of each plane at given positions.",
)

window_scatter: Primitive = Primitive(
    "window_scatter",
    spec=_scatter_spec,
    flops=lambda out, g, index, shape: g.size,
    vjp=(lambda u, out, g, index, shape: window_gather(u, index), None),
    formula=("1", "none"),
    symbol="[ ]ᵀ",
    samples=samples.scattered,
    doc="Planes of zeros with numbers added at given positions.",
)

largest: Composite = Composite(
    "max_pool2d",
    lambda x, **p: window_gather(x, window_argmax(x, **p)),
    vjp=(lambda g, out, x, **p: window_scatter(g, window_argmax(x, **p), shape=x.shape[-2:]),),
    formula=("1 for the winner, else 0",),
    symbol="max",
    samples=samples.max_pooled,
    doc="The largest element under each place; padding never wins.",
)

window_sum: Primitive = Primitive(
    "window_sum",
    spec=_sum_spec,
    flops=lambda out, x, window, **_: out.size * (math.prod(window) - 1),
    vjp=(lambda g, out, x, **p: window_spread(g, shape=x.shape[-2:], **p),),
    formula=("1 under the window",),
    linear=True,
    symbol="Σ",
    samples=samples.summed,
    doc="The sum of what lies under each place.",
)

window_spread: Primitive = Primitive(
    "window_spread",
    spec=_spread_spec,
    flops=lambda out, g, shape, window, **_: g.size * math.prod(window),
    vjp=(lambda u, out, g, shape, **p: window_sum(u, **p),),
    formula=("1 under the window",),
    linear=True,
    symbol="Σᵀ",
    samples=samples.spread,
    doc="Every place adds its number to all that lies under it.",
)

channel_sum: Primitive = Primitive(
    "channel_window_sum",
    spec=_channels_spec,
    flops=lambda out, x, before, after: x.size * (before + after),
    vjp=(lambda g, out, x, before, after: channel_sum(g, before=after, after=before),),
    formula=("1 within the window",),
    linear=True,
    symbol="Σ",
    samples=samples.channels,
    doc="Each channel plus so many before and after it, as far as there are any.",
)
