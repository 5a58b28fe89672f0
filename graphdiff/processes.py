"""Several processes that compute together, each on its share of the data; alone, a process notices nothing.

They are started by a launcher such as ``torchrun``, which tells each its place. What passes between them is
a backend's affair: it says which process this one is, and has kernels for the primitives
of :mod:`graphdiff.ops.collective`.
"""

from __future__ import annotations

import os
from typing import NamedTuple


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


def launched() -> int:
    """How many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def restarts() -> int:
    """How often the launcher has started them anew after one had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
