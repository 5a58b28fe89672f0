"""Several processes that compute together, each on its share of the data; alone, a process notices nothing.

They are started by a launcher such as ``torchrun``, which tells each its place. What passes between them is
a backend's affair: it says which process this one is, and has kernels for the primitives
of :mod:`graphdiff.ops.collective`.

A process that dies is noticed at once. One that is stopped, or at work on something else, is waited for: ten
minutes, or the seconds that the environment variable ``GRAPHDIFF_TIMEOUT`` says.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import NamedTuple

from graphdiff.errors import ArgumentError

TIMEOUT = "GRAPHDIFF_TIMEOUT"


class Processes(NamedTuple):
    """The processes that compute together.

    Attributes:
        rank: the number of this one, from 0. The first one speaks and writes files for all.
        size: how many there are.
    """

    rank: int
    size: int

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, n: int) -> tuple[slice, float]:
        """Which of n examples this process takes, and what a mean over them counts in the mean over all.

        Shares differ by at most one example. Fewer examples than processes are taken whole by each.
        """
        if n < self.size:
            return slice(0, n), 1 / self.size
        least, more = divmod(n, self.size)
        start = self.rank * least + min(self.rank, more)
        count = least + (self.rank < more)
        return slice(start, start + count), count / n


ALONE = Processes(0, 1)
_apart: ContextVar[bool] = ContextVar("graphdiff_apart", default=False)
computed_apart = _apart.get


@contextmanager
def apart() -> Iterator[None]:
    """Each process computes as if alone: for what all of them compute on the same examples."""
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)


def launched() -> int:
    """How many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def restarts() -> int:
    """How often the launcher has started them anew after one had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def launch() -> str:
    """What tells this start of the launcher, which outlives the restarts that it makes, from another."""
    return f"{os.environ.get('TORCHELASTIC_RUN_ID', '')} {os.getppid()}"


def patience() -> float:
    """For how many seconds a process waits for another that has not come.

    Raises:
        ArgumentError: the environment variable holds no such number.
    """
    text = os.environ.get(TIMEOUT, "600")
    with suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise ArgumentError(f"{TIMEOUT}={text} is no time to wait", fix="give seconds, such as 600")
