"""A process of its own that reads hostile files: with little memory, and given up where it takes too long."""

import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from graphdiff.errors import GraphdiffError

ROOM = 1 << 30  # bytes above what the libraries take
PATIENCE = 60  # seconds, on a machine that is busy; none of the files takes one


@dataclass(frozen=True)
class Hostile:
    """A file that means harm.

    Attributes:
        write: ``write(folder, canary)`` writes it and gives its path. What it would run makes ``canary``.
        read: reads the path as a user of graphdiff would.
        careless: what reads it and falls for it, where it would run something; the proof that it would.
    """

    write: Callable[[Path, Path], Path]
    read: Callable[[Path], Any]
    careless: Callable[[Path], Any] | None = None


class Answer(NamedTuple):
    """How reading ended: ``kind`` is "value", "refused" or "leaked" (another error than graphdiff's)."""

    kind: str
    text: str
    fix: str = ""


class Confined:
    """Calls functions of modules in another process; one that crashes or hangs is replaced."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, function: Callable[..., Answer], *args: Any) -> Answer:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), _limit, (self.room,))
        try:
            return self._pool.submit(function, *args).result(timeout=PATIENCE)
        except BrokenProcessPool:
            self._replace()
            return Answer("leaked", "the process crashed")
        except TimeoutError:
            self._replace()
            return Answer("leaked", f"no answer in {PATIENCE} seconds")

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _replace(self) -> None:
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool, _ = None, self._pool.shutdown()


def _limit(room: int) -> None:
    """Load what reading needs, and allow so much more; torch's threads would take address space of theirs."""
    import PIL.Image
    import torch

    import graphdiff

    torch.set_num_threads(1)
    PIL.Image.init()
    loaded = graphdiff.datasets.image_folder, graphdiff.layers.Linear, graphdiff.losses.softmax_cross_entropy
    assert all(loaded)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def answer(read: Callable[..., Any], *args: Any) -> Answer:
    """How it ends, in words that travel between processes."""
    try:
        return Answer("value", repr(read(*args))[:1000])
    except GraphdiffError as problem:
        return Answer("refused", str(problem)[:2000], problem.fix)
    except BaseException as problem:
        return Answer("leaked", f"{type(problem).__name__}: {problem}"[:2000])
