"""Where wires of a circuit cross on their way into a column of operators, and need room for it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from graphdiff.draw.circuit import Circuit, Wire

_MOST_ROOM = 3
_MOST_WIRES = 200  # into one column; with more, nobody follows a single one


def room_before(circuit: Circuit) -> dict[str, int]:
    """How many columns wide the way into an operator is, by its id, where that is more than one.

    A wire starts about where its leaf stands among the leaves, and an operator stands between its operands.
    """
    column, rows = _placed(circuit)
    into: dict[int, list[Wire]] = defaultdict(list)
    for wire in circuit.wires:
        if wire.into == "operator" and not wire.backward:
            into[column[wire.head]].append(wire)
    found = {}
    for wires in into.values():
        crossings = _crossings([(rows[wire.tail], rows[wire.head]) for wire in wires])
        if crossings > 1:
            room = min(1 + (crossings + 1) // 2, _MOST_ROOM)
            found.update({wire.head: room for wire in wires})
    return found


def _placed(circuit: Circuit) -> tuple[dict[str, int], dict[str, float]]:
    """The column and the row of everything that wires connect."""
    rows: dict[str, float] = {leaf.id: float(n) for n, leaf in enumerate(circuit.leaves)}
    column: dict[str, int] = defaultdict(int)
    taken: dict[str, list[float]] = defaultdict(list)
    for wire in circuit.wires:  # in topological order
        column[wire.head] = max(column[wire.head], column[wire.tail] + 1)
        taken[wire.head].append(rows.setdefault(wire.tail, 0.0))
        rows[wire.head] = sum(taken[wire.head]) / len(taken[wire.head])
    return column, rows


def _crossings(lines: Sequence[tuple[float, float]]) -> int:
    if len(lines) > _MOST_WIRES:
        return 0
    return sum((a - c) * (b - d) < 0 for (a, b), (c, d) in itertools.combinations(lines, 2))
