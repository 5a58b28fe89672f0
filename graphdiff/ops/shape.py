"""Shapes: reshape, transpose, broadcast, join, cut."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import accumulate as running
from typing import Any

from graphdiff.arguments import entries, shown
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.ops import samples
from graphdiff.ops.common import (
    as_tensors,
    broadcast_shapes,
    located,
    locating,
    normalize_axes,
    normalize_axis,
)
from graphdiff.primitive import EachOperand, Primitive
from graphdiff.tensor import Tensor

Bounds = tuple[tuple[int, int, int], ...]


def as_shape(operation: str, shape: Any) -> tuple[int, ...]:
    """A shape from an integer or a sequence of integers (−1 allowed).

    Raises:
        ShapeError: anything else.
    """
    try:
        return tuple(operator.index(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,)))
    except TypeError:
        raise located(ShapeError(f"{shown(shape)} is not a shape", fix="give integers"), operation) from None


# Reshape


def _reshape_spec(x: TensorSpec, shape: Shape) -> TensorSpec:
    if math.prod(shape) != x.size:
        raise ShapeError(
            f"{x.size} elements of shape {x.shape} do not fill shape {shape} of {math.prod(shape)}",
            fix="keep the number of elements; one size may be -1",
        )
    return TensorSpec(shape, x.dtype)


reshaped = Primitive(
    "reshape",
    spec=_reshape_spec,
    vjp=(lambda g, out, x, shape: reshape(g, x.shape),),
    formula=("1",),
    linear=True,
    samples=samples.reshape,
)


def reshape(x: Any, shape: Any) -> Tensor:
    """The same elements in row-major order in another shape; one size may be −1.

    Raises:
        ShapeError: the numbers of elements differ.
    """
    x = as_tensor(x)
    sizes = as_shape("reshape", shape)
    if sizes.count(-1) == 1:
        known = -math.prod(sizes)
        if known and x.size % known == 0:
            sizes = tuple(x.size // known if n == -1 else n for n in sizes)
    if any(n < 0 for n in sizes):
        error = ShapeError(
            f"shape {sizes} has no whole size for its -1 (the tensor has {x.size} elements)",
            fix="use one -1 at most, and sizes whose product divides the number of elements",
        )
        raise located(error, "reshape", x)
    return x if sizes == x.shape else reshaped(x, shape=sizes)


def expand_dims(x: Any, axis: Any) -> Tensor:
    """New axes of size 1 at the given positions of the result.

    Raises:
        AxisError: a position outside the result's rank, or named twice.
    """
    x = as_tensor(x)
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = x.ndim + len(places)
    found = {normalize_axis("expand_dims", x, a, rank) for a in places}
    if len(found) < len(places):
        raise located(
            ShapeError(f"axes {tuple(places)} name one position twice", fix="name each once"),
            "expand_dims",
            x,
        )
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in found else next(sizes) for i in range(rank)))


def squeeze(x: Any, axis: Any = None) -> Tensor:
    """Without its axes of size 1, or without the named ones.

    Raises:
        ShapeError: a named axis whose size is not 1.
    """
    x = as_tensor(x)
    ones = tuple(i for i, n in enumerate(x.shape) if n == 1)
    axes = ones if axis is None else normalize_axes("squeeze", x, axis)
    for a in axes:
        if x.shape[a] != 1:
            error = ShapeError(f"axis {a} of {x.shape} has size {x.shape[a]}, not 1", fix="squeeze others")
            raise located(error, "squeeze", x)
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


# Order of axes


def _transpose_spec(x: TensorSpec, axes: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(tuple(x.shape[a] for a in axes), x.dtype)


_transpose: Primitive = Primitive(
    "transpose",
    spec=_transpose_spec,
    vjp=(lambda g, out, x, axes: _transpose(g, axes=_inverse(axes)),),
    formula=("1",),
    linear=True,
    symbol="ᵀ",
    samples=samples.transpose,
)


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order, reversed by default.

    Raises:
        AxisError: not a permutation of the axes.
    """
    x = as_tensor(x)
    if axes is None:
        order = tuple(reversed(range(x.ndim)))
    else:
        with locating("transpose", x):
            axes = entries("axes", axes)
        order = tuple(normalize_axis("transpose", x, a) for a in axes)
        if sorted(order) != list(range(x.ndim)):
            error = ShapeError(
                f"{tuple(axes)} does not name each of {x.ndim} axes once", fix="permute all axes"
            )
            raise located(error, "transpose", x)
    return x if order == tuple(range(x.ndim)) else _transpose(x, axes=order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    x = as_tensor(x)
    one, two = normalize_axis("swapaxes", x, axis1), normalize_axis("swapaxes", x, axis2)
    order = list(range(x.ndim))
    order[one], order[two] = two, one
    return transpose(x, order)


def moveaxis(x: Any, source: int, destination: int) -> Tensor:
    """One axis moved to another place, the others in their order."""
    x = as_tensor(x)
    start, stop = normalize_axis("moveaxis", x, source), normalize_axis("moveaxis", x, destination)
    order = [a for a in range(x.ndim) if a != start]
    order.insert(stop, start)
    return transpose(x, order)


# Broadcast


def _broadcast_spec(x: TensorSpec, shape: Shape) -> TensorSpec:
    if broadcast_shapes(x.shape, shape) != shape:
        raise ShapeError(f"shape {x.shape} does not broadcast to {shape}", fix="only axes of size 1 stretch")
    return TensorSpec(shape, x.dtype)


_broadcast_to = Primitive(
    "broadcast_to",
    spec=_broadcast_spec,
    vjp=(lambda g, out, x, shape: g,),  # the engine sums it back
    formula=("1",),
    linear=True,
    samples=samples.broadcast,
)


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """Stretched along axes of size 1 and along new leading axes.

    Raises:
        ShapeError: the shape does not broadcast so.
    """
    x = as_tensor(x)
    sizes = as_shape("broadcast_to", shape)
    return x if x.shape == sizes else _broadcast_to(x, shape=sizes)


# Join


def _concatenate_spec(*parts: TensorSpec, axis: int) -> TensorSpec:
    first = parts[0].shape
    for part in parts:
        rest = part.shape[:axis] + part.shape[axis + 1 :]
        if len(part.shape) != len(first) or rest != first[:axis] + first[axis + 1 :]:
            raise ShapeError(
                f"shapes {', '.join(str(p.shape) for p in parts)} differ outside axis {axis}",
                fix="all other sizes must be equal",
            )
    total = sum(p.shape[axis] for p in parts)
    return TensorSpec((*first[:axis], total, *first[axis + 1 :]), parts[0].dtype)


def _concatenate_vjp(argnum: int, g: Tensor, out: Tensor, *parts: Tensor, axis: int) -> Tensor:
    edges = [0, *running(p.shape[axis] for p in parts)]
    return cut(g, axis, edges[argnum], edges[argnum + 1])


_concatenate = Primitive(
    "concatenate",
    spec=_concatenate_spec,
    vjp=EachOperand(_concatenate_vjp),
    formula=("1",),  # not linear: with the other operands in place, affine in each alone
    unify=slice(None),
    samples=samples.concatenate,
)


def _tensors(operation: str, parts: Any) -> list[Tensor]:
    with locating(operation):
        found = [*as_tensors(*entries("parts", parts))]
    if not found:
        raise located(ArgumentError("there is nothing to join", fix="give at least one tensor"), operation)
    return found


def concatenate(parts: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Tensors joined along an existing axis, or flattened for ``None``.

    Raises:
        ShapeError: sizes that differ on another axis. ArgumentError: no tensors.
    """
    tensors = _tensors("concatenate", parts)
    if axis is None:
        tensors, axis = [reshape(t, -1) for t in tensors], 0
    return _concatenate(*tensors, axis=normalize_axis("concatenate", tensors[0], axis))


def stack(parts: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis.

    Raises:
        ShapeError: shapes that differ. ArgumentError: no tensors.
    """
    tensors = _tensors("stack", parts)
    if len({t.shape for t in tensors}) > 1:
        raise located(ShapeError("the shapes differ", fix="stack equal shapes"), "stack", *tensors)
    place = normalize_axis("stack", tensors[0], axis, tensors[0].ndim + 1)
    return concatenate([expand_dims(t, place) for t in tensors], place)


# Cut: a strided slice and its transpose


def _strided_spec(x: TensorSpec, bounds: Bounds) -> TensorSpec:
    return TensorSpec(tuple(len(range(*b)) for b in bounds), x.dtype)


strided_slice = Primitive(
    "slice",
    spec=_strided_spec,
    vjp=(lambda g, out, x, bounds: embed(g, shape=x.shape, bounds=bounds, value=0.0),),
    formula=("1 where taken, else 0",),
    linear=True,
    samples=samples.strided,
    doc="Elements start, start + step, … before stop along every axis; bounds are explicit integers.",
)


def _embed_spec(x: TensorSpec, shape: Shape, bounds: Bounds, value: float) -> TensorSpec:
    if tuple(len(range(*b)) for b in bounds) != x.shape:
        raise ShapeError(
            f"shape {x.shape} does not fill the slice {bounds} of {shape}", fix="give bounds of its sizes"
        )
    return TensorSpec(shape, x.dtype)


embed: Primitive = Primitive(
    "embed",
    spec=_embed_spec,
    vjp=(lambda g, out, x, shape, bounds, value: strided_slice(g, bounds=bounds),),
    formula=("1",),
    samples=samples.embedded,
    doc="A tensor of one value with x laid into a strided slice of it: the transpose of slicing.",
)


def cut(x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    """Elements start … stop − 1 along one axis."""
    bounds = tuple((start, stop, 1) if i == axis else (0, n, 1) for i, n in enumerate(x.shape))
    return strided_slice(x, bounds=bounds)
