"""Linear algebra: matrix products and their generalisations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphdiff.arguments import check_kind, shown
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.graph import TensorSpec
from graphdiff.ops import samples
from graphdiff.ops.common import as_tensors, broadcast_shapes, located, locating, normalize_axis
from graphdiff.ops.indexing import diagonal
from graphdiff.ops.precision import for_product
from graphdiff.ops.reduction import sum
from graphdiff.ops.shape import broadcast_to, expand_dims, reshape, squeeze, swapaxes, transpose
from graphdiff.primitive import EachOperand, Primitive
from graphdiff.tensor import Tensor


def _matmul_spec(x: TensorSpec, y: TensorSpec) -> TensorSpec:
    if x.shape[-1] != y.shape[-2]:
        raise ShapeError(
            f"matrices {x.shape} and {y.shape} do not multiply: {x.shape[-1]} columns meet "
            f"{y.shape[-2]} rows",
            fix="the last axis of the first must equal the last but one of the second; transpose one of them",
        )
    batch = broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return TensorSpec((*batch, x.shape[-2], y.shape[-1]), x.dtype)


def _right_vjp(g: Tensor, out: Tensor, x: Tensor, y: Tensor) -> Tensor:
    # Worked out transposed, so that the transposes cancel: a layer's x @ Wᵀ gives ∇W in W's own layout.
    return swapaxes(_matmul(swapaxes(g, -1, -2), x), -1, -2)


_matmul: Primitive = Primitive(
    "matmul",
    spec=_matmul_spec,
    vjp=(
        lambda g, out, x, y: _matmul(g, swapaxes(y, -1, -2)),
        _right_vjp,
    ),
    formula=("∇·Yᵀ", "Xᵀ·∇"),
    linear=True,
    flops=lambda out, x, y: 2 * out.size * x.shape[-1],
    unify=slice(None),
    symbol="@",
    samples=samples.matrices,
)


def matmul(x: Any, y: Any) -> Tensor:
    """The matrix product over the last two axes, leading axes broadcast; vectors as NumPy treats them.

    Raises:
        ShapeError: inner sizes that differ, or an operand without axes.
    """
    x, y = for_product(*as_tensors(x, y))
    if not x.ndim or not y.ndim:
        raise located(ShapeError("a scalar has no matrix product", fix="use *"), "matmul", x, y)
    a = expand_dims(x, 0) if x.ndim == 1 else x
    b = expand_dims(y, 1) if y.ndim == 1 else y
    product = _matmul(a, b)
    dropped = [axis for axis, t in ((-2, x), (-1, y)) if t.ndim == 1]
    return squeeze(product, dropped) if dropped else product


def tensordot(x: Any, y: Any, axes: Any = 2) -> Tensor:
    """Sum of products over pairs of axes: the last ``axes`` of x with the first of y, or two lists.

    Raises:
        ShapeError: paired axes of different sizes. AxisError: an axis outside the rank.
        ArgumentError: axes that are no pairs.
    """
    x, y = as_tensors(x, y)
    one, two = _paired_axes(x, y, axes)
    one = [normalize_axis("tensordot", x, a) for a in one]
    two = [normalize_axis("tensordot", y, a) for a in two]
    if [x.shape[a] for a in one] != [y.shape[a] for a in two]:
        error = ShapeError(
            f"axes {one} of {x.shape} and {two} of {y.shape} differ in size", fix="pair axes of equal size"
        )
        raise located(error, "tensordot", x, y)
    rest1 = [a for a in range(x.ndim) if a not in one]
    rest2 = [a for a in range(y.ndim) if a not in two]
    shape1, shape2 = [x.shape[a] for a in rest1], [y.shape[a] for a in rest2]
    inner = math.prod(x.shape[a] for a in one)
    left = reshape(transpose(x, rest1 + one), (math.prod(shape1), inner))
    right = reshape(transpose(y, two + rest2), (inner, math.prod(shape2)))
    return reshape(matmul(left, right), (*shape1, *shape2))


def _paired_axes(x: Tensor, y: Tensor, axes: Any) -> tuple[list[Any], list[Any]]:
    if isinstance(axes, int) and 0 <= axes <= min(x.ndim, y.ndim):
        return list(range(x.ndim - axes, x.ndim)), list(range(axes))
    if not isinstance(axes, (tuple, list)) or len(axes) != 2:
        error = ArgumentError(
            f"axes={shown(axes)} pairs no axes",
            fix=f"give a number from 0 to {min(x.ndim, y.ndim)}, or two lists of axes",
        )
        raise located(error, "tensordot", x, y)
    one, two = (list(a) if isinstance(a, (tuple, list)) else [a] for a in axes)
    return one, two


def outer(x: Any, y: Any) -> Tensor:
    """Every element of x times every element of y, both flattened: a matrix."""
    x, y = as_tensors(x, y)
    return expand_dims(reshape(x, -1), 1) * reshape(y, -1)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum along a diagonal of two axes."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


# Einstein sums


def _sizes(terms: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            raise ShapeError(
                f"'{term}' names {len(term)} axes, the operand {shape} has {len(shape)}",
                fix="give one letter for each axis, or '...'",
            )
        for letter, n in zip(term, shape, strict=True):
            known = sizes.get(letter, 1)
            if known != 1 and n not in (1, known):
                raise ShapeError(
                    f"axis '{letter}' has sizes {known} and {n}", fix="one letter stands for one size"
                )
            sizes[letter] = n if known == 1 else known
    return sizes


def _einsum_spec(*specs: TensorSpec, subscripts: str) -> TensorSpec:
    left, _, result = subscripts.partition("->")
    terms = left.split(",")
    sizes = _sizes(terms, [s.shape for s in specs])
    return TensorSpec(tuple(sizes[letter] for letter in result), specs[0].dtype)


def _einsum_vjp(argnum: int, g: Tensor, out: Tensor, *inputs: Tensor, subscripts: str) -> Tensor:
    left, _, result = subscripts.partition("->")
    terms = left.split(",")
    mine = terms[argnum]
    others = [(t, x) for k, (t, x) in enumerate(zip(terms, inputs, strict=True)) if k != argnum]
    seen = set(result).union(*(t for t, _ in others))
    kept = "".join(letter for letter in mine if letter in seen)
    product = _einsum(
        g, *(x for _, x in others), subscripts=",".join([result, *(t for t, _ in others)]) + "->" + kept
    )
    # Axes summed away alone had no part in the product, and others may have size 1 there: every element
    # along them gets the same.
    sizes = _sizes(terms, [x.shape for x in inputs])
    found = iter(product.shape)
    apart = reshape(product, tuple(next(found) if c in seen else 1 for c in mine))
    return broadcast_to(apart, tuple(sizes[c] for c in mine))


def _einsum_flops(out: TensorSpec, *specs: TensorSpec, subscripts: str) -> int:
    """All operands at once: the factors of every product, and its addition."""
    terms = subscripts.partition("->")[0].split(",")
    return len(specs) * math.prod(_sizes(terms, [s.shape for s in specs]).values())


_einsum = Primitive(
    "einsum",
    spec=_einsum_spec,
    vjp=EachOperand(_einsum_vjp),
    formula=("the other operands",),
    linear=True,
    flops=_einsum_flops,
    unify=slice(None),
    samples=samples.einsum,
)


def einsum(subscripts: str, *operands: Any) -> Tensor:
    """Einstein's sum convention, as NumPy's: ``einsum("ij,jk->ik", a, b)``, with ``...`` and implicit
    results; a letter twice in one term takes the diagonal.

    Raises:
        ArgumentError: subscripts that cannot be read or do not match the number of operands.
        ShapeError: axes that do not match.
    """
    tensors = [*for_product(*as_tensors(*operands))]
    with locating("einsum", *tensors):
        check_kind("subscripts", subscripts, str, "write them like 'ij,jk->ik'")
    try:
        terms, result = _explicit(subscripts, [x.ndim for x in tensors])
    except ValueError as problem:
        error = ArgumentError(f"'{subscripts}': {problem}", fix="write it like 'ij,jk->ik'")
        raise located(error, "einsum", *tensors) from None
    for k, term in enumerate(terms):
        for letter in dict.fromkeys(term):
            while terms[k].count(letter) > 1:
                one = terms[k].index(letter)
                two = terms[k].index(letter, one + 1)
                tensors[k] = diagonal(tensors[k], 0, one, two)
                terms[k] = terms[k].replace(letter, "", 2) + letter
    return _einsum(*tensors, subscripts=",".join(terms) + "->" + result)


def _explicit(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """One term per operand and the result, with capital letters from the front in place of ``...``."""
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"{len(terms)} terms for {len(ranks)} operands")
    named = [t.replace("...", "") for t in terms]
    letters = "".join(named) + result.replace("...", "")
    if not all(c.isalpha() and c.isascii() for c in letters):
        raise ValueError("only letters, commas, '...' and '->' may stand in it")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in letters]
    spare = [rank - len(n) if "..." in t else 0 for t, n, rank in zip(terms, named, ranks, strict=True)]
    if min(spare) < 0:
        raise ValueError("a term names more axes than its operand has")
    dots = "".join(free[: max(spare)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, spare, strict=True)]
    if arrow and dots and "..." not in result:
        raise ValueError("'...' stands on the left alone")
    if arrow:
        result = result.replace("...", dots)
    else:
        single = sorted(c for c in set("".join(named)) if "".join(named).count(c) == 1)
        result = dots + "".join(single)
    if len(set(result)) < len(result) or not set(result) <= set("".join(terms)):
        raise ValueError("the result must name axes of the operands, each once")
    return terms, result
