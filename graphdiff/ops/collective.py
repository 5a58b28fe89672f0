"""Operations that several processes compute together (:mod:`graphdiff.processes`)."""

from __future__ import annotations

from typing import Any

from graphdiff.arguments import check_integers
from graphdiff.errors import ArgumentError, DTypeError
from graphdiff.graph import TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.ops.common import located
from graphdiff.ops.elementwise import where
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


def _from_one(g: Tensor, out: Tensor, x: Tensor, source: int) -> Tensor:
    total = _all_reduce(g)
    return where(g.backend.processes.rank == source, total, 0)


_broadcast_from: Collective = Collective(
    "broadcast_from",
    spec=lambda x, source: x,
    vjp=(_from_one,),
    formula=("1, summed over processes, in the one that sends; 0 in the others",),
    linear=True,
    symbol="⇇",
    doc="The x of one process, on every process.",
)


def broadcast_from(x: Any, source: int) -> Tensor:
    """The x of one process, on each of them; x itself where there is only one.

    Every process must call it, with the same shape and dtype, in the same order among such calls; what the
    others bring is not looked at. The gradient, in the process that sends, is that of the sum, over all
    processes, of what each of them differentiates; in the others it is 0.

    Args:
        source: the rank of the process that sends.

    Raises:
        ArgumentError: no such process. BackendError: another process has ended, or does not answer.
    """
    x = as_tensor(x)
    check_integers(source=source)
    size = x.backend.processes.size
    if not 0 <= source < size:
        error = ArgumentError(f"there is no process {source} among {size}", fix=f"give 0 to {size - 1}")
        raise located(error, "broadcast_from", x)
    return x if size == 1 else _broadcast_from(x, source=source)
