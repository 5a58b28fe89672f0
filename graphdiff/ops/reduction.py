"""Reductions and scans: sum, product, extremes, moments, log-sum-exp.

``axis`` is ``None`` (all axes), an integer or a tuple, negative from the end, as in NumPy.
"""

from __future__ import annotations

import math
from typing import Any

from graphdiff.arguments import shown
from graphdiff.dtypes import DType
from graphdiff.errors import ShapeError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.ops import samples
from graphdiff.ops.common import (
    FLOAT,
    INT,
    kept,
    located,
    normalize_axes,
    normalize_axis,
    one_per_merger,
    reduced_shape,
)
from graphdiff.ops.elementwise import (
    cast,
    equal,
    exp,
    isfinite,
    log,
    multiply,
    sqrt,
    square,
    stop_gradient,
    where,
)
from graphdiff.ops.shape import broadcast_to, concatenate, cut, reshape
from graphdiff.primitive import Composite, Primitive
from graphdiff.tensor import Tensor

Axes = tuple[int, ...]


def _widened(dtype: DType) -> DType:
    """Sums of small integers and of booleans are counted in 64 bits, as NumPy does."""
    if dtype.is_floating:
        return dtype
    return DType("uint64") if dtype.startswith("uint") else INT


def spread(t: Tensor, shape: Shape, axes: Axes) -> Tensor:
    """A reduced tensor stretched back over the axes that were reduced."""
    return broadcast_to(reshape(t, reduced_shape(shape, axes, keepdims=True)), shape)


def as_floating(x: Any) -> Tensor:
    t = as_tensor(x)
    return t if t.dtype.is_floating else cast(t, FLOAT)


def _axis(operation: str, x: Tensor, axis: Any) -> int:
    """The axis counted from the front; as in NumPy, a tensor without axes takes 0 and −1 too."""
    return normalize_axis(operation, x, axis, x.ndim or 1)


def _axes(operation: str, x: Tensor, axis: Any) -> Axes:
    """The axes; as in NumPy, a tensor without axes takes 0 and −1 too."""
    if x.ndim or axis is None or isinstance(axis, (tuple, list)):
        return normalize_axes(operation, x, axis)
    normalize_axis(operation, x, axis, 1)
    return ()


def _gathered(primitive: Primitive, x: Tensor, **params: Any) -> Tensor:
    """The reduction; of 16-bit floats it is computed in float32, whose range and digits their sums need."""
    if x.dtype.itemsize > 2:
        return primitive(x, **params)
    return cast(primitive(cast(x, "float32"), **params), x.dtype)


# Sums


def _sum_spec(x: TensorSpec, axes: Axes, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduced_shape(x.shape, axes, keepdims), _widened(x.dtype))


_sum = Primitive(
    "sum",
    spec=_sum_spec,
    vjp=(lambda g, out, x, axes, keepdims: spread(g, x.shape, axes),),
    formula=("1",),
    linear=True,
    flops=one_per_merger,
    symbol="Σ",
    samples=samples.reduction,
)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes; integers and booleans are summed in 64 bits."""
    x = as_tensor(x)
    return _sum(x, axes=_axes("sum", x, axis), keepdims=kept("sum", x, keepdims))


def sum_to(x: Tensor, shape: Shape) -> Tensor:
    """Sum over the axes along which ``shape`` was broadcast to ``x.shape``: the transpose of broadcasting."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = tuple(i for i, n in enumerate(x.shape) if i < extra or (shape[i - extra] == 1 and n != 1))
    return reshape(_sum(x, axes=axes, keepdims=False), shape)


def count(shape: Shape, axes: Axes) -> int:
    return math.prod(shape[a] for a in axes)


def _mean(x: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    return _sum(x, axes=axes, keepdims=keepdims) / count(x.shape, axes)


_mean_over = Composite(
    "mean",
    _mean,
    vjp=(lambda g, out, x, axes, keepdims: spread(g, x.shape, axes) / count(x.shape, axes),),
    formula=("1/n",),
    linear=True,
    samples=samples.nonempty_reduction,
)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean over axes; integers give float64. Over no elements it is NaN."""
    x = as_floating(x)
    return _gathered(_mean_over, x, axes=normalize_axes("mean", x, axis), keepdims=kept("mean", x, keepdims))


# Products


def _halved_product(x: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    """A tree of pairwise products: its derivatives of every order are right where factors are zero."""
    for axis in axes:
        n = x.shape[axis]
        while n > 1:
            half = n // 2
            pairs = multiply(cut(x, axis, 0, half), cut(x, axis, half, 2 * half))
            if n % 2:
                pairs = concatenate([pairs, cut(x, axis, n - 1, n)], axis)
            x, n = pairs, half + n % 2
        if n == 0:
            ones = tuple(1 if i == axis else m for i, m in enumerate(x.shape))
            x = broadcast_to(_sum(x, axes=(axis,), keepdims=True) + 1, ones)
    shape = tuple(m for i, m in enumerate(x.shape) if i not in axes)
    return x if keepdims else reshape(x, shape)


_prod = Composite(
    "prod",
    _halved_product,
    formula=("product of the other factors",),
    symbol="Π",
    samples=samples.reduction,
)


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The product over axes; gradients of every order are right also where factors are zero."""
    x = as_tensor(x)
    if not x.dtype.is_floating:
        x = cast(x, _widened(x.dtype))
    return _prod(x, axes=_axes("prod", x, axis), keepdims=kept("prod", x, keepdims))


# Extremes


def _extreme_spec(x: TensorSpec, axes: Axes, keepdims: bool) -> TensorSpec:
    if any(x.shape[a] == 0 for a in axes):
        raise ShapeError(f"no extreme over the empty axes {axes} of {x.shape}", fix="check the size first")
    return TensorSpec(reduced_shape(x.shape, axes, keepdims), x.dtype)


def _extreme_vjp(g: Tensor, out: Tensor, x: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    winners = cast(equal(x, spread(out, x.shape, axes)), g.dtype)
    shared = g / reshape(_sum(winners, axes=axes, keepdims=False), g.shape)
    return winners * spread(shared, x.shape, axes)


def _extreme(name: str) -> Primitive:
    return Primitive(
        name,
        spec=_extreme_spec,
        vjp=(_extreme_vjp,),
        formula=("1/k for each of the k winners, else 0",),
        flops=one_per_merger,
        samples=samples.untied_reduction,
    )


_max = _extreme("max")
_min = _extreme("min")


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element over axes; ties share the gradient evenly.

    Raises:
        ShapeError: an axis without elements.
    """
    x = as_tensor(x)
    return _max(x, axes=_axes("max", x, axis), keepdims=kept("max", x, keepdims))


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element over axes; ties share the gradient evenly.

    Raises:
        ShapeError: an axis without elements.
    """
    x = as_tensor(x)
    return _min(x, axes=_axes("min", x, axis), keepdims=kept("min", x, keepdims))


def _arg_spec(x: TensorSpec, axis: int, keepdims: bool) -> TensorSpec:
    return TensorSpec(_extreme_spec(x, (axis,), keepdims).shape, INT)


_argmax = Primitive("argmax", spec=_arg_spec, flops=one_per_merger, samples=samples.untied_axis)
_argmin = Primitive("argmin", spec=_arg_spec, flops=one_per_merger, samples=samples.untied_axis)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element, along one axis or of the flattened tensor. No derivative."""
    return _arg(_argmax, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element, along one axis or of the flattened tensor. No derivative."""
    return _arg(_argmin, x, axis, keepdims)


def _arg(primitive: Primitive, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    x = as_tensor(x)
    if axis is not None:
        axis = _axis(primitive.name, x, axis)
    keepdims = kept(primitive.name, x, keepdims)
    if axis is not None and x.ndim:
        return primitive(x, axis=axis, keepdims=keepdims)
    flat = primitive(reshape(x, -1), axis=0, keepdims=False)
    return reshape(flat, (1,) * x.ndim) if keepdims else flat


# Moments


def _var(x: Tensor, axes: Axes, ddof: int, keepdims: bool) -> Tensor:
    centred = x - _mean_over(x, axes=axes, keepdims=True)
    return _sum(square(centred), axes=axes, keepdims=keepdims) / (count(x.shape, axes) - ddof)


def _var_vjp(g: Tensor, out: Tensor, x: Tensor, axes: Axes, ddof: int, keepdims: bool) -> Tensor:
    centred = x - _mean_over(x, axes=axes, keepdims=True)
    return spread(g, x.shape, axes) * centred * (2 / (count(x.shape, axes) - ddof))


_var_over = Composite("var", _var, vjp=(_var_vjp,), formula=("2(x − x̄)/(n − ddof)",), samples=samples.moments)
_std_over = Composite(
    "std",
    lambda x, axes, ddof, keepdims: sqrt(_var_over(x, axes=axes, ddof=ddof, keepdims=keepdims)),
    formula=("(x − x̄)/((n − ddof)·σ)",),
    symbol="σ",
    samples=samples.moments,
)


def _moment(primitive: Primitive, x: Any, axis: Any, ddof: int, keepdims: bool) -> Tensor:
    x = as_floating(x)
    axes = normalize_axes(primitive.name, x, axis)
    n = count(x.shape, axes)
    if not isinstance(ddof, int) or n <= ddof:
        error = ShapeError(
            f"{n} elements along axes {axes} of {x.shape} are too few for ddof={shown(ddof)}: "
            "the sum of squares is divided by their number less ddof",
            fix="lower ddof or reduce over more elements" if n else "check the size first",
        )
        raise located(error, primitive.name, x)
    return _gathered(primitive, x, axes=axes, ddof=ddof, keepdims=kept(primitive.name, x, keepdims))


def var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The variance over axes, divided by n − ddof.

    Raises:
        ShapeError: no more than ``ddof`` elements.
    """
    return _moment(_var_over, x, axis, ddof, keepdims)


def std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """The square root of :func:`var`; where that is 0, the derivative is not finite (0/0)."""
    return _moment(_std_over, x, axis, ddof, keepdims)


def _norm(x: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    return sqrt(_sum(square(x), axes=axes, keepdims=keepdims))


def _norm_vjp(g: Tensor, out: Tensor, x: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    length = where(equal(out, 0), 1, out)
    return spread(g / length, x.shape, axes) * x


_norm_over = Composite(
    "norm", _norm, vjp=(_norm_vjp,), formula=("x/‖x‖",), symbol="‖x‖", samples=samples.nonempty_reduction
)


def norm(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The Euclidean length over axes; its derivative at 0 is the subgradient 0, as in torch."""
    x = as_floating(x)
    return _gathered(_norm_over, x, axes=normalize_axes("norm", x, axis), keepdims=kept("norm", x, keepdims))


# Log-sum-exp and softmax


def finite_max(x: Tensor, axes: Axes) -> Tensor:
    """The largest element, 0 where it is infinite: what exponentials are shifted by to stay in range."""
    largest = stop_gradient(_max(x, axes=axes, keepdims=True))
    return where(isfinite(largest), largest, 0)


def _logsumexp(x: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    shift = finite_max(x, axes)
    total = log(_sum(exp(x - shift), axes=axes, keepdims=True)) + shift
    return total if keepdims else reshape(total, reduced_shape(x.shape, axes, keepdims=False))


_logsumexp_over = Composite(
    "logsumexp",
    _logsumexp,
    vjp=(
        lambda g, out, x, axes, keepdims: (
            # Where all elements are −∞, so is the result; their derivative is 0.
            spread(g, x.shape, axes) * exp(x - spread(where(equal(out, -math.inf), 0, out), x.shape, axes))
        ),
    ),
    formula=("softmax x",),
    symbol="ln Σ eˣ",
    samples=samples.nonempty_reduction,
)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """ln Σ eˣ over axes, without overflow; −∞ where every element is −∞.

    Raises:
        ShapeError: an axis without elements.
    """
    x = as_floating(x)
    return _gathered(
        _logsumexp_over, x, axes=normalize_axes("logsumexp", x, axis), keepdims=kept("logsumexp", x, keepdims)
    )


def _scan_spec(x: TensorSpec, axis: int, reverse: bool) -> TensorSpec:
    return TensorSpec(x.shape, _widened(x.dtype))


_cumsum: Primitive = Primitive(
    "cumsum",
    spec=_scan_spec,
    vjp=(lambda g, out, x, axis, reverse: _cumsum(g, axis=axis, reverse=not reverse),),
    formula=("1 for this and later elements",),
    linear=True,
    flops=lambda out, x, axis, reverse: x.size - x.size // x.shape[axis] if x.size else 0,
    samples=samples.scan,
)


def cumsum(x: Any, axis: int | None = None) -> Tensor:
    """Running sums along one axis, or of the flattened tensor."""
    x = as_tensor(x)
    if axis is None or not x.ndim:
        x, axis = reshape(x, -1), axis or 0
    return _cumsum(x, axis=normalize_axis("cumsum", x, axis), reverse=False)
