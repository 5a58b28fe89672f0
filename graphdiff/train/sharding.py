"""An optimizer's state shared out over processes: ZeRO stage 1 (Rajbhandari et al. 2020, ZeRO, section 5.1).

Every process holds all parameters, and each parameter belongs, whole, to one of them: it alone holds the
state of it, works out its new value, and sends that to the others. An update rule sees what it sees in one
process, and what comes of it is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from graphdiff import context, ops
from graphdiff.backend import Backend
from graphdiff.cell import Cell
from graphdiff.graph import TensorSpec
from graphdiff.leaf import leaf
from graphdiff.processes import ALONE, Processes
from graphdiff.tensor import Tensor
from graphdiff.train.parallel import BUCKET, bucketed


class Shards:
    """Which process holds the state of which parameter.

    Attributes:
        owner: path -> the rank of the process.
        elsewhere: path -> name -> spec, of the state that other processes hold.
    """

    def __init__(self, processes: Processes = ALONE) -> None:
        self.processes = processes
        self.owner: dict[str, int] = {}
        self.elsewhere: dict[str, dict[str, TensorSpec]] = {}
        self._bytes = [0] * processes.size

    def share_out(self, sizes: Mapping[str, int]) -> None:
        """Give each of these parameters, the largest first, to the process that has the fewest bytes; what
        belongs to one already stays there. Every process finds the same.

        Args:
            sizes: path -> bytes.
        """
        new = [path for path in sizes if path not in self.owner]
        for path in sorted(new, key=lambda path: (-sizes[path], path)):
            rank = self._bytes.index(min(self._bytes))
            self.owner[path] = rank
            self._bytes[rank] += sizes[path]

    def mine(self, path: str) -> bool:
        """Whether this process holds the state; so does each where it belongs to none."""
        return self.owner.get(path, self.processes.rank) == self.processes.rank

    def exchanged(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The new values of all parameters, by path.

        Args:
            values: in the place of what another process works out, any tensor of its spec that depends on
                what has been exchanged before: so all processes get to it in the same order.
        """
        if self.processes.size == 1:
            return dict(values)
        found: dict[str, Tensor] = {}
        for rank in range(self.processes.size):
            own = {path: value for path, value in values.items() if self.owner[path] == rank}
            with context.scope(f"process {rank}"):
                found |= bucketed(own, partial(ops.broadcast_from, source=rank), BUCKET)
        return {path: found[path] for path in values}

    def gathered(
        self, state: Mapping[str, Mapping[str, Cell]], home: Backend
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of the state of all processes by ``path/name``, on each of them.

        Args:
            state: what this one holds.
            home: where it is.
        """
        found = {}
        for path in sorted({*state, *self.elsewhere}):  # loaded state comes in any order
            held: Mapping[str, Cell | TensorSpec] = state.get(path) or self.elsewhere.get(path, {})
            for kind, value in sorted(held.items()):
                found[f"{path}/{kind}"] = np.array(self._sent(path, _stand_in(value, home)).numpy())
        return found

    def _sent(self, path: str, value: Tensor) -> Tensor:
        if self.processes.size == 1 or path not in self.owner:
            return value
        with context.no_grad():
            return ops.broadcast_from(value, self.owner[path])


def _stand_in(value: Cell | TensorSpec, home: Backend) -> Tensor:
    """A tensor of the spec that takes no memory, where there is no value."""
    if isinstance(value, Cell):
        return value
    return ops.broadcast_to(leaf(0, value.dtype, backend=home), value.shape)
