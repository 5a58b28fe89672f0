"""Mixed precision: products in a small dtype, everything else in the dtype its operands meet in.

Parameters stay in float32. Where a product is asked for, its operands are cast, in the graph, so that the
casts are drawn, differentiated and compiled as everything else. (P. Micikevicius et al.: Mixed precision
training, ICLR 2018.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphdiff.context import product_dtype
from graphdiff.dtypes import DType, as_dtype
from graphdiff.errors import DTypeError
from graphdiff.ops.elementwise import cast
from graphdiff.tensor import Tensor

_SMALL = (DType("bfloat16"), DType("float16"))
_WIDE = DType("float32")
autocast_dtype = product_dtype.get


@contextmanager
def autocast(dtype: Any = "bfloat16") -> Iterator[None]:
    """Compute products of float32 operands in a small dtype: ``matmul`` (``@``), ``tensordot``, ``einsum``,
    the convolutions and their transposes, and so ``Linear`` and ``Conv2d``.

    Inside a composite, whose meaning does not depend on where it stands, products keep their dtype.
    Sums of 16-bit floats are gathered in float32 as always, and losses bring their scores to float32. What
    meets a float32 operand (a bias, the weights of a normalisation) is float32 from there on. float64 is left
    alone. Gradients of float32 parameters are float32; in float16 small ones vanish unless the loss is scaled
    (:class:`graphdiff.LossScaler`).

    Args:
        dtype: ``"bfloat16"`` or ``"float16"``; NumPy has the second alone.

    Raises:
        DTypeError: another dtype.
    """
    wanted = as_dtype(dtype)
    if wanted not in _SMALL:
        raise DTypeError(f"autocast to {wanted} saves nothing", fix=f"use {' or '.join(map(repr, _SMALL))}")
    token = product_dtype.set(wanted)
    try:
        yield
    finally:
        product_dtype.reset(token)


def for_product(*operands: Tensor) -> tuple[Tensor, ...]:
    """The operands of a product in the dtype that :func:`autocast` asks for, if it does."""
    dtype = product_dtype.get()
    if dtype is None:
        return operands
    return tuple(cast(t, dtype) if t.dtype in (_WIDE, *_SMALL) else t for t in operands)


def for_loss(scores: Tensor) -> Tensor:
    """Scores in float32 inside :func:`autocast`, so that exponentials and their sums keep their digits."""
    return cast(scores, _WIDE) if product_dtype.get() is not None and scores.dtype in _SMALL else scores
