"""Sharing a kernel's work among Python threads.

NumPy lets go of the interpreter's lock in copies, in arithmetic and in BLAS. A kernel that copies between
matrix products keeps all cores busy only if each thread does its part of both, so BLAS itself is kept to
one thread meanwhile. There are as many threads as BLAS would have used: what limits BLAS limits these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from itertools import pairwise
from typing import Any, TypeVar

Result = TypeVar("Result")
# Below so many multiply-adds, starting a thread costs more than it saves.
WORTH = 32_000_000


@cache
def _blas() -> list[Any]:
    """Handles of the BLAS libraries in use; none where threadpoolctl is not installed."""
    try:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
    except ImportError:
        return []
    return [lib for lib in ThreadpoolController().lib_controllers if lib.user_api == "blas"]


def available() -> int:
    """How many threads a kernel may use."""
    return max((lib.num_threads or 1 for lib in _blas()), default=1)


@contextmanager
def _blas_on_one_thread() -> Iterator[None]:
    before = [(lib, lib.num_threads) for lib in _blas()]
    try:
        for lib, _ in before:
            lib.set_num_threads(1)
        yield
    finally:
        for lib, count in before:
            lib.set_num_threads(count)


def shared(count: int, work: Callable[[int, int], Result], cost: int) -> list[Result]:
    """The results of ``work(start, stop)`` on contiguous parts of ``range(count)``, in order.

    Args:
        cost: multiply-adds in all; little work stays in one thread.
    """
    threads = min(available(), count) if cost >= WORTH else 1
    if threads < 2:
        return [work(0, count)]
    edges = pairwise(count * k // threads for k in range(threads + 1))
    with _blas_on_one_thread():
        return _together([partial(work, start, stop) for start, stop in edges])


def _together(parts: list[Callable[[], Result]]) -> list[Result]:
    """The results of all parts, the first of which runs here.

    Raises:
        Whatever a part raised, after all have ended.
    """
    results: list[Any] = [None] * len(parts)
    errors: list[BaseException] = []

    def run(k: int) -> None:
        try:
            results[k] = parts[k]()
        except BaseException as error:
            errors.append(error)

    # A copied context carries NumPy's errstate along.
    others = [threading.Thread(target=copy_context().run, args=(run, k)) for k in range(1, len(parts))]
    for thread in others:
        thread.start()
    run(0)
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]
    return results
