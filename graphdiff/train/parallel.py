"""Training in several processes: each works out gradients on its share of a batch, and all take their sum.

The sum is part of the step's graph: gradients are put end to end in buckets, in the order in which the
backward pass gives them, and each bucket is one ``all_reduce`` (Li et al. 2020, PyTorch Distributed,
section 3.2.3). Every process then makes the same update.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphdiff import context, ops
from graphdiff.backend import Backend
from graphdiff.cell import Cell
from graphdiff.errors import ArgumentError
from graphdiff.leaf import leaf
from graphdiff.module import Module
from graphdiff.processes import Processes
from graphdiff.tensor import Tensor
from graphdiff.train.history import Means

BUCKET = 25 << 20  # bytes, as torch has it


def reduced(gradients: Mapping[str, Tensor], limit: int = BUCKET) -> dict[str, Tensor]:
    """The sums of gradients over all processes, by name.

    Args:
        limit: bytes of a bucket.
    """
    found: dict[str, Tensor] = {}
    with context.no_grad(), context.role("backward"):
        for number, names in enumerate(_buckets(gradients, limit)):
            with context.scope(f"gradients of all processes.bucket {number + 1}"):
                found |= _summed({name: gradients[name] for name in names})
    return {name: found[name] for name in gradients}


def _buckets(gradients: Mapping[str, Tensor], limit: int) -> Iterator[list[str]]:
    """Names whose gradients are of one dtype and together within the limit, the last layer's first."""
    names: list[str] = []
    size, dtype = 0, None
    for name, gradient in reversed(list(gradients.items())):
        own = gradient.size * gradient.dtype.itemsize
        if names and (size + own > limit or gradient.dtype != dtype):
            yield names
            names, size = [], 0
        names.append(name)
        size, dtype = size + own, gradient.dtype
    if names:
        yield names


def _summed(bucket: Mapping[str, Tensor]) -> dict[str, Tensor]:
    total = ops.all_reduce(ops.concatenate([ops.reshape(g, (-1,)) for g in bucket.values()]))
    found, start = {}, 0
    for name, g in bucket.items():
        found[name] = ops.reshape(total[start : start + g.size], g.shape)
        start += g.size
    return found


def agree(cells: Iterable[Cell]) -> None:
    """Give every process the first one's values.

    Loaded state comes in any order, and processes must go through it in the same one.
    """
    with context.no_grad():
        for cell in sorted(cells, key=lambda cell: cell.name):
            first = cell.backend.processes.first
            cell.assign(ops.all_reduce(cell if first else ops.zeros_like(cell)))


def meet(home: Backend) -> None:
    """Wait until every process is here."""
    with context.no_grad():
        ops.all_reduce(leaf(0, "int64", backend=home)).numpy()


def together(means: Means, digest: int, home: Backend) -> None:
    """Take in what the other processes have seen.

    Raises:
        ArgumentError: they went through other examples.
    """
    mine = leaf([means.seen, *means.sums, digest], "float64", backend=home)
    with context.no_grad():
        means.seen, *means.sums, told = ops.all_reduce(mine).numpy().tolist()
    check_told([digest], [told], home.processes)


def check_told(own: Sequence[int], sums: Iterable[float], processes: Processes) -> None:
    """Compare digests of what this process saw with the sums of all processes'.

    Raises:
        ArgumentError: they are not the same everywhere.
    """
    if any(digest * processes.size != told for digest, told in zip(own, sums, strict=True)):
        raise ArgumentError(
            f"process {processes.rank} (from 0) of {processes.size} does not see the same batches as the "
            "others: other labels, or more or fewer of them",
            fix="give every process the same data in the same order; each takes its share of every batch. A "
            "loader that shuffles needs the same seed in each, and no sampler that deals out the data",
        )


def synchronise(model: Module, *, synchronised: bool = True) -> Module:
    """Have the normalisation layers of a model take their statistics over the batch of all processes, not
    over each one's share of it; returns the model.

    Raises:
        ArgumentError: there are no such layers.
    """
    found: list[Any] = [m for _, m in model.named_modules() if hasattr(m, "synchronised")]
    if not found:
        raise ArgumentError(
            f"{type(model).__name__} has no layers that take statistics over a batch",
            fix="leave synchronise out: without such layers there is nothing to synchronise",
        )
    for module in found:
        module.synchronised = synchronised
    return model
