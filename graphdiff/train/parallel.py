"""Training in several processes: each works out gradients on its share of a batch, and all take their sum.

The sum is part of the step's graph: gradients are put end to end in buckets, in the order in which the
backward pass gives them, and each bucket is one ``all_reduce`` (Li et al. 2020, PyTorch Distributed,
section 3.2.3). Every process then makes the same update.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphdiff import context, ops
from graphdiff.arguments import check_flags, check_integers, check_kind, entries
from graphdiff.backend import Backend
from graphdiff.cell import Cell
from graphdiff.errors import ArgumentError
from graphdiff.leaf import leaf
from graphdiff.module import Module
from graphdiff.processes import Processes
from graphdiff.tensor import Tensor
from graphdiff.train.history import Means

if TYPE_CHECKING:
    from graphdiff.train.checkpoint import Checkpoints

BUCKET = 25 << 20  # bytes, as torch has it


def reduced(gradients: Mapping[str, Tensor], limit: int = BUCKET) -> dict[str, Tensor]:
    """The sums of gradients over all processes, by name; the gradients themselves where there is one.

    What each process differentiates is its part of one loss: the mean over its share of a batch times the
    share's weight (:meth:`graphdiff.processes.Processes.share`). Every process must give the same names and
    shapes.

    Args:
        gradients: the same names in every process.
        limit: bytes of a bucket.

    Raises:
        ArgumentError: no dict of tensors, or a limit that is no integer.
        BackendError: another process has ended, or does not answer.
    """
    check_kind("gradients", gradients, Mapping, "give a dict of names and gradients")
    for name, gradient in gradients.items():
        check_kind(f"gradients[{name!r}]", gradient, Tensor, "give tensors")
    check_integers(limit=limit)
    with context.no_grad(), context.role("backward"), context.scope("all processes"):
        found = bucketed({name: gradients[name] for name in sorted(gradients)}, ops.all_reduce, limit)
    return {name: found[name] for name in gradients}


def bucketed(
    values: Mapping[str, Tensor], exchange: Callable[[Tensor], Tensor], limit: int
) -> dict[str, Tensor]:
    """What comes of tensors that are put end to end and exchanged with other processes, by name.

    Args:
        exchange: of one axis; keeps the shape.
        limit: bytes of a bucket.
    """
    found: dict[str, Tensor] = {}
    for number, names in enumerate(_buckets(values, limit)):
        with context.scope(f"bucket {number + 1}"):
            found |= _in_one({name: values[name] for name in names}, exchange)
    return {name: found[name] for name in values}


def _buckets(values: Mapping[str, Tensor], limit: int) -> Iterator[list[str]]:
    """Names whose tensors are of one dtype and together within the limit, the last layer's first."""
    names: list[str] = []
    size, dtype = 0, None
    for name, value in reversed(list(values.items())):
        own = value.size * value.dtype.itemsize
        if names and (size + own > limit or value.dtype != dtype):
            yield names
            names, size = [], 0
        names.append(name)
        size, dtype = size + own, value.dtype
    if names:
        yield names


def _in_one(bucket: Mapping[str, Tensor], exchange: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    row = exchange(ops.concatenate([ops.reshape(value, (-1,)) for value in bucket.values()]))
    found, start = {}, 0
    for name, value in bucket.items():
        found[name] = ops.reshape(row[start : start + value.size], value.shape)
        start += value.size
    return found


def agree(cells: Iterable[Cell]) -> None:
    """Give every process the first one's values: of a model's parameters before training, say.

    Loaded state comes in any order, and processes must go through it in the same one.

    Raises:
        ArgumentError: what are no cells.
    """
    found = entries("cells", cells)
    for cell in found:
        check_kind("a cell", cell, Cell, "give parameters and other cells")
    with context.no_grad():
        for cell in sorted(found, key=lambda cell: cell.name):
            cell.assign(ops.broadcast_from(cell, 0))


def check_alike(model: Module, home: Backend) -> None:
    """Compare what the processes train.

    Raises:
        ArgumentError: models of other parameters, in every process.
    """
    own = zlib.crc32(repr([(n, cell.spec) for n, cell in model.named_cells()]).encode()) >> 8
    with context.no_grad():
        total, squares = ops.all_reduce(leaf([own, own * own], "int64", backend=home)).numpy().tolist()
    if home.processes.size * squares != total * total:  # as much as to say that they vary
        raise ArgumentError(
            f"process {home.processes.rank} (from 0) of {home.processes.size} trains another "
            f"{type(model).__name__} than the others: with parameters of other names or shapes",
            fix="make the model from the same arguments in every process",
        )


def meet(home: Backend) -> None:
    """Wait until every process is here."""
    with context.no_grad():
        ops.all_reduce(leaf(0, "int64", backend=home)).numpy()


def any_of(flag: bool, home: Backend) -> bool:
    """Whether it is true in any process."""
    with context.no_grad():
        return bool(ops.all_reduce(leaf(int(flag), "int64", backend=home)).numpy())


def is_own(kept: Checkpoints, home: Backend) -> bool:
    """Whether the checkpoint is of this launch, as the first process, which writes them, sees it."""
    first = home.processes.first
    return any_of(first and kept.own, home) if home.processes.size > 1 else kept.own


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
    check_kind("model", model, Module, "give the model")
    check_flags(synchronised=synchronised)
    found: list[Any] = [m for _, m in model.named_modules() if hasattr(m, "synchronised")]
    if not found:
        raise ArgumentError(
            f"{type(model).__name__} has no layers that take statistics over a batch",
            fix="leave synchronise out: without such layers there is nothing to synchronise",
        )
    for module in found:
        module.synchronised = synchronised
    return model
