"""Random numbers as operations: of an explicit key, an operand like any other, so that a graph that draws is
a function of its inputs. The same key and parameters give the same numbers, on every backend: bits, truth
values, integers and uniform numbers to the last bit, normal ones within rounding."""

from __future__ import annotations

import math
import operator
from typing import Any

from graphdiff.arguments import check_numbers, shown
from graphdiff.dtypes import DType, as_dtype
from graphdiff.errors import ArgumentError, DTypeError, GraphdiffError, ShapeError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.ops import samples
from graphdiff.ops.common import BOOL, INT, located, locating
from graphdiff.ops.elementwise import cast, cos, log, sin, sqrt
from graphdiff.ops.shape import as_shape, concatenate, reshape
from graphdiff.primitive import Composite, Primitive
from graphdiff.tensor import Tensor

_KEY = TensorSpec((2,), INT)
_WIDEST = 1 << 32  # integers are drawn from 32 bits


def _from_key(key: TensorSpec, shape: Shape, dtype: DType) -> TensorSpec:
    if key is not _KEY:
        kind = DTypeError if key.dtype is not INT else ShapeError
        raise kind(f"{key!r} is no random key", fix="make one with graphdiff.random.key(seed)")
    return TensorSpec(shape, dtype)


random_bits = Primitive(
    "random_bits",
    spec=lambda key, shape: _from_key(key, shape, INT),
    symbol="bits",
    samples=samples.drawn,
)
random_uniform = Primitive(
    "random_uniform",
    spec=lambda key, shape, dtype: _from_key(key, shape, dtype),
    symbol="U(0, 1)",
    samples=samples.drawn_floats,
)
random_bernoulli = Primitive(
    "random_bernoulli",
    spec=lambda key, shape, p: _from_key(key, shape, BOOL),
    symbol="Bernoulli",
    samples=samples.drawn_choices,
)
random_integers = Primitive(
    "random_integers",
    spec=lambda key, shape, low, high: _from_key(key, shape, INT),
    symbol="integers",
    samples=samples.drawn_integers,
)
random_permutation = Primitive(
    "random_permutation",
    spec=lambda key, n: _from_key(key, (n,), INT),
    symbol="shuffle",
    samples=samples.shuffled,
)
random_fold_in = Primitive(
    "random_fold_in",
    spec=lambda key, data: _from_key(key, (*data.shape, 2), INT),
    symbol="fold in",
    samples=samples.folded,
)


def _box_muller(key: Tensor, shape: Shape, dtype: DType) -> Tensor:
    """Pairs of normal numbers from pairs of uniform ones (Box and Muller 1958)."""
    count = math.prod(shape)
    u = random_uniform(
        key, shape=(2, -(-count // 2)), dtype=DType("float64" if dtype == "float64" else "float32")
    )
    radius, angle = sqrt(-2 * log(1 - u[0])), (2 * math.pi) * u[1]
    pairs = concatenate([radius * cos(angle), radius * sin(angle)])
    return cast(reshape(pairs[:count], shape), dtype)


random_normal = Composite(
    "random_normal", _box_muller, vjp=None, symbol="N(0, 1)", samples=samples.drawn_floats
)  # fmt: skip


def bits(key: Any, shape: Any = ()) -> Tensor:
    """64 random bits in every element, as int64.

    Args:
        key: int64[2], from :func:`graphdiff.random.key` and its kin.

    Raises:
        ShapeError, DTypeError: what is no key, or no shape.
    """
    return random_bits(key, shape=_shape("bits", shape))


def uniform(key: Any, shape: Any = (), low: float = 0.0, high: float = 1.0, dtype: Any = "float32") -> Tensor:
    """Numbers from [low, high), multiples of (high − low)/2²⁴ in float32 and of (high − low)/2⁵³ in float64.

    Rounding may give ``high`` itself where low is not 0. For bounds that are differentiated, or tensors:
    ``low + (high - low) * uniform(key, shape)``.

    Raises:
        ShapeError, DTypeError: what is no key, no shape, or no floating dtype.
        ArgumentError: bounds that are no numbers.
    """
    u = random_uniform(key, shape=_shape("uniform", shape), dtype=_floating("uniform", dtype))
    with locating("uniform"):
        check_numbers(low=low, high=high)
    return u if (low, high) == (0, 1) else u * (float(high) - float(low)) + float(low)


def normal(key: Any, shape: Any = (), dtype: Any = "float32") -> Tensor:
    """Numbers of mean 0 and deviation 1. With parameters that are differentiated:
    ``mean + deviation * normal(key, shape)``.

    Raises:
        ShapeError, DTypeError: what is no key, no shape, or no floating dtype.
    """
    return random_normal(key, shape=_shape("normal", shape), dtype=_floating("normal", dtype))


def bernoulli(key: Any, p: float = 0.5, shape: Any = ()) -> Tensor:
    """Truth values, true with probability p (rounded to a multiple of 2⁻³²). For a tensor of probabilities:
    ``uniform(key, p.shape) < p``.

    Raises:
        ArgumentError: p outside 0 … 1. ShapeError, DTypeError: what is no key, or no shape.
    """
    with locating("bernoulli"):
        check_numbers(p=p)
    if not 0 <= p <= 1:
        raise located(ArgumentError(f"{p} is no probability", fix="give 0 ≤ p ≤ 1"), "bernoulli")
    return random_bernoulli(key, shape=_shape("bernoulli", shape), p=float(p))


def randint(key: Any, low: int, high: int, shape: Any = ()) -> Tensor:
    """Integers from low to high − 1, as int64; none is more probable than another by more than 2⁻³².

    Raises:
        ArgumentError: bounds that are no integers, or not 1 … 2³² apart.
        ShapeError, DTypeError: what is no key, or no shape.
    """
    try:
        low, high = operator.index(low), operator.index(high)
        fine = 1 <= high - low <= _WIDEST and low >= -(1 << 63) and high <= 1 << 63
    except TypeError:
        fine = False
    if not fine:
        error = ArgumentError(
            f"no integers to draw from {shown(low)} … {shown(high)} − 1", fix="give integers, 1 … 2³² apart"
        )
        raise located(error, "randint")
    return random_integers(key, shape=_shape("randint", shape), low=low, high=high)


def permutation(key: Any, n: int) -> Tensor:
    """0 … n − 1 in random order, as int64: ``x[permutation(key, len(x))]`` shuffles rows.

    Raises:
        ShapeError: n is no size. ShapeError, DTypeError: what is no key.
    """
    (n,) = _shape("permutation", (n,))
    return random_permutation(key, n=n)


def fold_in(key: Any, data: Any) -> Tensor:
    """A new key for every element of ``data``, of shape (*data.shape, 2); other data, other numbers.

    Args:
        data: integers: a step number, the index of a layer.

    Raises:
        DTypeError: data that are not integers. ShapeError, DTypeError: what is no key.
    """
    data = as_tensor(data)
    if not data.dtype.is_integer:
        error = DTypeError(f"what is folded in is {data.dtype}", fix="give integers")
        raise located(error, "fold_in", data)
    return random_fold_in(key, cast(data, INT))


def _shape(operation: str, shape: Any) -> Shape:
    try:
        return TensorSpec(as_shape(operation, shape), BOOL).shape
    except GraphdiffError as error:
        raise located(error, operation) from None


def _floating(operation: str, dtype: Any) -> DType:
    wanted = as_dtype(dtype)
    if not wanted.is_floating:
        error = DTypeError(f"{operation} numbers are not {wanted}", fix="ask for a floating dtype")
        raise located(error, operation)
    return wanted
