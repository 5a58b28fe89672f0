"""Rematerialisation: what would wait long for a late use is computed again there, so that the values alive at
one time fit a budget.

Time is paid for memory as cheaply as it goes: at the point where most is alive, the value that costs least to
compute again for its size goes first. Products and convolutions are repeated only where nothing else helps.
The same kernels run on the same operands, so no bit of any result changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from graphdiff.compile.program import ALIASES, Program
from graphdiff.errors import ArgumentError
from graphdiff.graph import Node
from graphdiff.ops.collective import Collective

_COSTLY = frozenset("matmul einsum conv2d conv2d_input_grad conv2d_weight_grad".split())
_TIMES = 100  # how much more one of them counts than reading and writing its operands
_LONGEST = 50  # nodes computed again for one value
_TRIED = 8  # values tried at one peak
_GROWTH = 2  # times as many nodes as before, at most


def estimated_peak(program: Program) -> int:
    """The most bytes of computed values that are alive at one time; those of arguments, cells and constants
    are there anyway and not counted."""
    return _Lives(program).peak[0]


def rematerialise(program: Program, budget: int) -> Program:
    """Compute values again until the estimated peak is at most ``budget`` bytes.

    Raises:
        ArgumentError: that cannot be reached; says what can.
    """
    for costly in (False, True):
        program = _fitted(program, budget, costly)
        if estimated_peak(program) <= budget:
            return program
    raise ArgumentError(
        f"the memory budget is {budget:,} bytes, and however much is computed again, values of "
        f"{estimated_peak(program):,} bytes are alive at one time",
        fix=f"give memory_budget={estimated_peak(program)} or more, or smaller batches",
    )


def _fitted(program: Program, budget: int, costly: bool) -> Program:
    """Values computed again one by one, until the budget is met or none is left that would help."""
    lives = _Lives(program)
    while lives.peak[0] > budget and len(lives.nodes) < _GROWTH * len(program.nodes):
        tried = (_Lives(r.program(lives)) for r in islice(lives.repeatable(costly), _TRIED))
        better = next((after for after in tried if after.peak[0] <= lives.peak[0]), None)
        if better is None:
            break
        lives = better
    return lives.program


@dataclass(frozen=True)
class _Repeated:
    """A value that is dropped at one point and computed again at a later one.

    Attributes:
        wanted: the ids that are used from there on: the value and views of it.
        place: the position of the first use.
        nodes: what has to be computed there, in order.
    """

    wanted: frozenset[int]
    place: int
    nodes: tuple[Node, ...]

    def program(self, lives: _Lives) -> Program:
        before, after = lives.nodes[: self.place], lives.nodes[self.place :]
        number = 1 + max((*lives.position, *lives.program.inputs))
        new: dict[int, int] = {}
        copies = []
        for fresh, node in enumerate(self.nodes, number):
            inputs = tuple(new.get(i, i) for i in node.inputs)
            copies.append(replace(node, id=fresh, inputs=inputs, again=number))
            new[node.id] = fresh
        moved = {i: new[i] for i in self.wanted}
        users = (replace(n, inputs=tuple(moved.get(i, i) for i in n.inputs)) for n in after)
        return replace(lives.program, nodes=(*before, *copies, *users))


class _Lives:
    """From where to where each value of a program is alive; a value lives as long as its views."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.nodes = program.nodes
        self.position = {node.id: k for k, node in enumerate(self.nodes)}
        self.root = {i: i for i in program.inputs}
        self.end: dict[int, float] = {}
        self.users: dict[int, list[int]] = {}
        for k, node in enumerate(self.nodes):
            view = node.primitive is not None and node.primitive.name in ALIASES
            self.root[node.id] = self.root[node.inputs[0]] if view else node.id
            self.end[node.id] = k
            for root in dict.fromkeys(self.root[i] for i in node.inputs):
                self.end[root] = k
                self.users.setdefault(root, []).append(k)
        for i in program.outputs:
            self.end[self.root[i]] = math.inf

    def size(self, root: int) -> int:
        """Bytes of a computed value."""
        node = self._computed(root)
        return node.spec.size * node.spec.dtype.itemsize if node is not None else 0

    def _computed(self, i: int) -> Node | None:
        node = self.nodes[self.position[i]] if i in self.position else None
        return node if node is not None and node.primitive is not None else None

    @cached_property
    def peak(self) -> tuple[int, int]:
        """The most bytes that are alive at one time, and the position of the node that runs then."""
        alive, most, at = 0, 0, 0
        dying: dict[float, int] = {}
        for k, node in enumerate(self.nodes):
            if self.root[node.id] == node.id and (size := self.size(node.id)):
                alive += size
                dying[self.end[node.id]] = dying.get(self.end[node.id], 0) + size
            if alive > most:
                most, at = alive, k
            alive -= dying.pop(k, 0)
        return most, at

    def repeatable(self, costly: bool) -> Iterator[_Repeated]:
        """What might be dropped at the peak, the best first."""
        _, now = self.peak
        found = []
        for root in self._waiting(now):
            repeated = self._repeated(root, now, costly)
            if repeated is not None:
                found.append((self._cost(repeated.nodes) / self.size(root), -self.size(root), root, repeated))
        return (repeated for *_, repeated in sorted(found, key=lambda entry: entry[:3]))

    def _waiting(self, now: int) -> Iterator[int]:
        """Values that are computed before a point and used after it, and not at it."""
        used = {self.root[i] for i in self.nodes[now].inputs}
        for node in self.nodes[:now]:
            if now < self.end[node.id] < math.inf and node.id not in used and self.size(node.id):
                yield node.id

    def _repeated(self, root: int, now: int, costly: bool) -> _Repeated | None:
        later = [k for k in self.users[root] if k > now]
        used = (i for k in later for i in self.nodes[k].inputs)
        wanted = frozenset(i for i in used if self.root[i] == root and self.position[i] <= now)
        nodes: dict[int, Node] = {}
        for i in wanted:
            if not self._collect(i, root, later[0], costly, nodes):
                return None
        return _Repeated(wanted, later[0], tuple(nodes.values()))

    def _collect(self, i: int, dropped: int, place: int, costly: bool, nodes: dict[int, Node]) -> bool:
        """Add what must run at ``place`` to have the value of i there, operands first; ``False`` if it is too
        much."""
        node, root = self._computed(i), self.root[i]
        if node is None or i in nodes or (root != dropped and self.end[root] >= place):
            return True
        assert node.primitive is not None
        if isinstance(node.primitive, Collective) or len(nodes) >= _LONGEST:
            return False
        if node.primitive.name in _COSTLY and not costly:
            return False
        fine = all(self._collect(j, dropped, place, costly, nodes) for j in node.inputs)
        nodes[i] = node
        return fine

    def _cost(self, nodes: Sequence[Node]) -> float:
        """Bytes read and written, more for what computes more."""
        total = 0.0
        for node in nodes:
            assert node.primitive is not None
            touched = sum(self._bytes(i) for i in (node.id, *node.inputs))
            total += touched * (_TIMES if node.primitive.name in _COSTLY else 1)
        return total

    def _bytes(self, i: int) -> int:
        spec = self.nodes[self.position[i]].spec if i in self.position else None
        return spec.size * spec.dtype.itemsize if spec is not None else 0
