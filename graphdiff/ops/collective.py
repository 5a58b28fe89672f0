"""Operations that several processes compute together (:mod:`graphdiff.processes`)."""

from __future__ import annotations

from typing import Any

from graphdiff.errors import DTypeError
from graphdiff.graph import TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.primitive import Primitive
from graphdiff.tensor import Tensor


class Collective(Primitive):
    """A primitive that every process must compute as often as all others, and in the same order.

    What depends on one process's values or shapes leaves it alone: it is never computed ahead, when a program
    is made, nor put in one with another, computed again, or moved past another.
    """


def _reduced_spec(x: TensorSpec) -> TensorSpec:
    if x.dtype == "bool":
        raise DTypeError("booleans have no sum", fix="cast first: x.astype('int64')")
    return x


# What each process differentiates is its part of one sum over all of them, and so each one's result has
# the gradients of all.
_all_reduce: Collective = Collective(
    "all_reduce",
    spec=_reduced_spec,
    vjp=(lambda g, out, x: _all_reduce(g),),
    formula=("1, summed over processes",),
    linear=True,
    symbol="Σ ⇄",
    doc="The sum of every process's x.",
)


def all_reduce(x: Any) -> Tensor:
    """The sum of the x of all processes, on each of them; x itself where there is only one.

    Every process must call it, with the same shape and dtype, in the same order among such calls. The
    gradient is that of the sum, over all processes, of what each of them differentiates.

    Raises:
        DTypeError: booleans. BackendError: another process has ended, or does not answer.
    """
    x = as_tensor(x)
    return x if x.backend.processes.size == 1 else _all_reduce(x)
