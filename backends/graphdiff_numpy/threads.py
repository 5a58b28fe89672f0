"""Sharing a kernel's work among Python threads.

NumPy lets go of the interpreter's lock in copies, in arithmetic and in BLAS. A kernel that copies between
matrix products keeps all cores busy only if each thread does its part of both, so BLAS itself is kept to
one thread meanwhile: its own threads would go on waiting for work on the cores that ours need. There are as
many threads as BLAS would have used: what limits BLAS limits these. One caller at a time shares; all others
do their work alone. Work should be in few and long passes, for each of them ends with the interpreter's
lock, and a thread that has to wait for it falls asleep.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

# Below so many multiply-adds, waking a thread and passing the interpreter's lock to and fro cost more than a
# second core saves.
WORTH = 12_000_000


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


class _Helpers:
    """Threads that wait for work: to start one takes as long as many a kernel."""

    def __init__(self) -> None:
        self._count = 0
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def do(self, parts: list[Callable[[], None]]) -> None:
        """Begin all parts, each in a thread of its own."""
        for _ in range(len(parts) - self._count):
            threading.Thread(target=self._serve, daemon=True).start()
            self._count += 1
        for part in parts:
            self._work.put(part)

    def _serve(self) -> None:
        while True:
            self._work.get()()


_helpers = _Helpers()
_taken = threading.Lock()  # one caller at a time shares


def _renew() -> None:
    """In a forked process nobody holds the lock, and there are no helpers."""
    global _helpers, _taken
    _helpers, _taken = _Helpers(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def shared(count: int, work: Callable[[int, int], None], cost: int) -> None:
    """``work(start, stop)`` on contiguous parts of ``range(count)`` that make it up. How many there are must
    not matter to the results.

    Args:
        cost: multiply-adds in all; little work stays in one thread.

    Raises:
        Whatever a part raised, after all have ended.
    """
    taken = _taken
    if not taken.acquire(blocking=False):
        work(0, count)
        return
    try:
        threads = min(available(), count) if cost >= WORTH else 1
        with _blas_on_one_thread():
            if threads < 2:
                work(0, count)
                return
            edges = pairwise(count * k // threads for k in range(threads + 1))
            _together([partial(work, *edge) for edge in edges])
    finally:
        taken.release()


def _together(parts: list[Callable[[], None]]) -> None:
    """Do all parts, the first of them here."""
    errors: list[BaseException] = []
    ended: SimpleQueue[None] = SimpleQueue()

    def run(part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:
            errors.append(error)
        ended.put(None)

    # A copied context carries NumPy's errstate along.
    _helpers.do([partial(copy_context().run, run, part) for part in parts[1:]])
    run(parts[0])
    for _ in parts:
        ended.get()
    if errors:
        raise errors[0]
