"""Whatever gives examples, as one kind of mini-batches; and batches made ahead by a thread."""

from __future__ import annotations

import contextvars
import queue
import threading
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from graphdiff import source as user
from graphdiff.arguments import check_flags, check_functions, check_integers, check_kind
from graphdiff.errors import ArgumentError, DataError, GraphdiffError
from graphdiff.processes import ALONE, Processes
from graphdiff.train.data import Array, Arrays, batches, paired
from graphdiff.train.transform import Transform

T = TypeVar("T")
_END = object()
_EXACT = 1 << 24  # float32 holds all integers up to it
_Indexed = tuple[np.ndarray[Any, Any], Arrays]


class Share(NamedTuple):
    """What one process takes of a batch that several take together.

    Attributes:
        examples: how many there are in the whole batch.
        weight: what a mean over the share counts in the mean over the batch; all processes' sum to 1.
        digest: of the labels of all batches so far, and whether this is the last: the same in processes that
            see the same ones; 0 where there is one process.
    """

    batch: Arrays
    examples: int
    weight: float
    digest: int


def as_batches(
    source: Any,
    size: int = 32,
    *,
    shuffle: bool = False,
    drop_last: bool = False,
    transform: Transform | None = None,
    seed: int = 0,
    epoch: int = 0,
) -> Iterator[Arrays]:
    """Mini-batches of any source of examples, as NumPy arrays.

    The order and what is random in the transform depend on ``seed`` and ``epoch`` alone, so an epoch can be
    made again without those before it. Augmentation is for training: pass none when a model is measured.

    Args:
        source: a pair of arrays (inputs, labels), such as ``Arrays``; or anything that iterates over batches
            (inputs, labels), such as torch's ``DataLoader`` or a list. Batches that come ready keep their
            size and order: ``size`` and ``shuffle`` are then their maker's affair.
        size: examples in a batch.
        shuffle: random order.
        drop_last: leave out a last batch that is smaller than the others.
        transform: changes the inputs of each batch. An example's index, which its random numbers depend on,
            is its row in the arrays, or its place in the order in which ready batches hold it.

    Raises:
        ArgumentError: no examples, a size below 1, or a source that is none of these.
        ShapeError: inputs and labels of unequal number.
    """
    found = shares(
        source,
        size,
        ALONE,
        shuffle=shuffle,
        drop_last=drop_last,
        transform=transform,
        seed=seed,
        epoch=epoch,
    )
    for share in found:
        yield share.batch


def shares(
    source: Any,
    size: int,
    processes: Processes,
    *,
    shuffle: bool = False,
    drop_last: bool = False,
    transform: Transform | None = None,
    seed: int = 0,
    epoch: int = 0,
) -> Iterator[Share]:
    """This process's shares of the batches that :func:`as_batches` gives; only they are transformed.

    All processes must see the same batches: a loader that shuffles needs the same seed in each.
    """
    check_flags(shuffle=shuffle, drop_last=drop_last)
    check_integers(size=size, seed=seed, epoch=epoch)
    if seed < 0 or epoch < 0:
        raise ArgumentError(f"seed={seed}, epoch={epoch}", fix="give integers of at least 0")
    if transform is not None:
        check_functions(transform=transform)
    if is_pair(source):
        made = _cut(source, size, np.random.default_rng((seed, epoch)) if shuffle else None)
    else:
        made = _ready(source)
    if drop_last:
        made = _full(made, size if is_pair(source) else 0)
    for indices, batch, digest in _told(made, processes.size):
        part, weight = processes.share(len(indices))
        own = Arrays(batch.inputs[part], batch.labels[part])
        if transform is not None:
            inputs = transform(own.inputs, seed=seed, epoch=epoch, indices=indices[part])
            own = Arrays(inputs, own.labels)
        yield Share(own, len(indices), weight, digest)


def _full(made: Iterator[_Indexed], size: int) -> Iterator[_Indexed]:
    """Batches up to the first smaller one; smaller than the first, where no size is given."""
    for indices, batch in made:
        size = size or len(indices)
        if len(indices) < size:
            return
        yield indices, batch


def _told(made: Iterator[_Indexed], processes: int) -> Iterator[tuple[Array, Arrays, int]]:
    """Batches with their digests, which are so small that float32 holds the sum of all processes'."""
    digest = 0
    batch = next(made, None) if processes > 1 else None
    while batch is not None:  # made one ahead, so that the last is known
        after = next(made, None)
        digest = zlib.crc32(batch[1].labels.tobytes(), digest)
        yield *batch, (digest if after else zlib.crc32(b"last", digest)) % (_EXACT // processes)
        batch = after
    for indices, alone in made:
        yield indices, alone, 0


def is_pair(source: Any) -> bool:
    """Whether it is a pair of arrays, not something that iterates over batches."""
    return isinstance(source, (tuple, list)) and len(source) == 2 and all(hasattr(a, "shape") for a in source)


def _cut(source: Any, size: int, rng: np.random.Generator | None) -> Iterator[tuple[Array, Arrays]]:
    inputs, labels = paired(*map(_numpy, source))
    for indices, chosen in batches(Arrays(np.arange(len(inputs)), labels), size, rng):
        yield indices, Arrays(inputs[indices], chosen)


def _ready(source: Any) -> Iterator[tuple[Array, Arrays]]:
    try:
        parts = iter(source)
    except TypeError:
        raise ArgumentError(
            f"{type(source).__name__} gives no examples",
            fix="give a pair of arrays (inputs, labels), or what iterates over such batches",
        ) from None
    if isinstance(source, (tuple, list)) and len(source) == 2 and not _has_arrays(source):
        raise ArgumentError(
            "two Python lists may be (inputs, labels) or two batches",
            fix="make the data arrays: np.asarray(inputs), np.asarray(labels)",
        )
    seen = 0
    for part in _alive(parts, getattr(source, "num_workers", 0)):
        batch = _batch(part)
        yield np.arange(seen, seen + len(batch.inputs)), batch
        seen += len(batch.inputs)
    if not seen:
        raise ArgumentError(
            f"{type(source).__name__} gave no batches",
            fix="give a source that holds some and, for more than one epoch, starts again at each iter()",
        )


def _has_arrays(parts: Any) -> bool:
    """Whether there are arrays within lists in lists."""
    return any(hasattr(p, "shape") or (isinstance(p, (tuple, list)) and _has_arrays(p)) for p in parts)


def _alive(parts: Iterator[T], workers: int) -> Iterator[T]:
    """The batches, as long as those who make them live.

    Raises:
        DataError: a worker process of torch's ``DataLoader`` was killed.
    """
    try:
        yield from parts
    except (RuntimeError, EOFError, ConnectionError) as problem:
        own = "Caught" in str(problem)  # of the data set, which torch raises again as it was
        told = "exited unexpectedly" in str(problem) or not isinstance(problem, RuntimeError)
        if own or not told or not workers:
            raise
        raise DataError(
            f"a process that makes batches ended: {problem!r}",
            fix="look for what killed it, such as too little memory, or load with num_workers=0",
        ) from problem


def _batch(part: Any) -> Arrays:
    try:
        inputs, labels = part
    except (TypeError, ValueError):
        raise ArgumentError(
            f"a batch is a pair (inputs, labels), not {type(part).__name__}",
            fix="let the loader give such pairs; data in lists become arrays with np.asarray",
        ) from None
    return paired(_numpy(inputs), _numpy(labels))


def _numpy(value: Any) -> Array:
    """Any array library's array, on the host; torch's are taken off their device and graph."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same items, made ahead by a thread of their own.

    An error of theirs is raised here, after the items before it. The thread ends with the last item, an
    error, or when this iterator is closed or dropped; a generator is closed with it.

    Args:
        depth: how many items may wait.

    Raises:
        ArgumentError: a depth below 1.
    """
    check_integers(depth=depth)
    check_kind("items", items, Iterable, "give a list or a generator")
    if depth < 1:
        raise ArgumentError(f"depth={depth} makes nothing ahead", fix="give at least 1")
    return _prefetched(items, depth)


def _prefetched(items: Iterable[T], depth: int) -> Iterator[T]:
    waiting: queue.Queue[Any] = queue.Queue(depth)
    stop = threading.Event()
    context = contextvars.copy_context()  # the current backend is the caller's
    thread = threading.Thread(target=context.run, args=(_fill, waiting, items, stop), daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, GraphdiffError):  # of a thread that no line of the user's started
                error.locate(source=user.describe(user.caller()))
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        while thread.is_alive():
            _emptied(waiting)
            thread.join(0.01)


def _fill(waiting: queue.Queue[Any], items: Iterable[Any], stop: threading.Event) -> None:
    error = None
    try:
        parts = iter(items)
        for item in parts:
            waiting.put((item, None))
            if stop.is_set():
                break
        if hasattr(parts, "close"):  # a generator ends in the thread that it ran in
            parts.close()
    except BaseException as problem:
        error = problem
    waiting.put((_END, error))


def _emptied(waiting: queue.Queue[Any]) -> None:
    while not waiting.empty():
        waiting.get()
