"""Updates of parameters by SGD, found in a program: all of them become one call that works in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphdiff.compile.passes import drop_dead
from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff_torch.lowering.fused import SGD, VELOCITY
from graphdiff_torch.lowering.matching import Found, Op, Search

Roots = Mapping[int, frozenset[int]]
_PLAIN = Op("subtract", ("w", Op("multiply", ("l", "g"))))
_WITH_MOMENTUM = Op(
    "subtract", ("w", Op("multiply", ("l", Op("add", (Op("multiply", ("m", "v")), "g"), shared=True))))
)


@dataclass(frozen=True)
class Update:
    """One parameter's update.

    Attributes:
        parameter: the node of its new value.
        velocity: the node of the new velocity; ``None`` without momentum.
        operands: ids of learning rate, parameter, gradient and velocity.
        momentum: 0 without.
    """

    parameter: Node
    velocity: Node | None
    operands: tuple[int, ...]
    momentum: float

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.parameter,) if self.velocity is None else (self.parameter, self.velocity)

    @property
    def overwritten(self) -> tuple[int, ...]:
        """The inputs of the program that the update works on in place."""
        return (self.operands[1], *self.operands[3:])


@dataclass(frozen=True)
class Group:
    """Updates that one call makes: of one learning rate, momentum and dtype."""

    updates: tuple[Update, ...]

    @property
    def statement(self) -> str:
        lr, *lists = zip(*(u.operands for u in self.updates), strict=True)
        operands = ", ".join("(" + "".join(f"v{i}, " for i in ids) + ")" for ids in lists)
        results = [u.parameter for u in self.updates] + [u.velocity for u in self.updates if u.velocity]
        names = "".join(f"v{node.id}, " for node in results)
        velocities = "" if len(lists) == 3 else ", ()"
        return f"{names}= descend(v{lr[0]}, {operands}{velocities}, {self.updates[0].momentum!r})"


def with_updates(program: Program, roots: Roots) -> tuple[Program, list[Group]]:
    """The program with all updates at its end, and how they are grouped.

    Args:
        roots: in whose memory each value may lie.
    """
    found = _possible(program, list(_updates(program)), roots)
    grouped: dict[Any, list[Update]] = {}
    for u in found:
        grouped.setdefault((u.operands[0], u.momentum, u.parameter.spec.dtype), []).append(u)
    groups = [Group(tuple(updates)) for updates in grouped.values()]
    return _moved_last(program, found), groups


def _moved_last(program: Program, updates: Sequence[Update]) -> Program:
    last = {n.id: n for u in updates for n in u.nodes}
    rest = tuple(n for n in program.nodes if n.id not in last)
    return drop_dead(replace(program, nodes=(*rest, *last.values())))


def _updates(program: Program) -> Iterator[Update]:
    search = Search(program)
    for node in program.nodes:
        for op in (_WITH_MOMENTUM, _PLAIN):
            found = next((f for f in search.at(node, op) if _is_update(f, program)), None)
            if found is not None:
                yield _update(node, found, program)
                break


def _is_update(found: Found, program: Program) -> bool:
    w, g, rate = (found.values[letter] for letter in "wgl")
    states = [found.values[letter] for letter in "wv" if letter in found.values]
    cells = all(n.primitive is None and n.id in program.inputs and n.role != "input" for n in states)
    alike = all(n.spec is w.spec for n in (g, *states)) and rate.spec.dtype is w.spec.dtype
    m = found.values.get("m")
    return cells and alike and rate.spec.shape == () and (m is None or _constant(m, program) is not None)


def _constant(node: Node, program: Program) -> float | None:
    known = program.constants.get(node.id)
    return float(known.item()) if known is not None and known.shape == () else None


def _update(node: Node, found: Found, program: Program) -> Update:
    operands = tuple(found.values[letter].id for letter in "lwgv" if letter in found.values)
    parameter = replace(node, primitive=SGD, inputs=operands, params={})
    if "v" not in found.values:
        return Update(parameter, None, operands, 0.0)
    velocity = replace(found.nodes["add"], primitive=VELOCITY, inputs=operands, params={})
    return Update(parameter, velocity, operands, _constant(found.values["m"], program) or 0.0)


def _possible(program: Program, updates: Sequence[Update], roots: Roots) -> list[Update]:
    """The updates whose old values nothing needs afterwards, and whose new values nothing but the caller."""
    new = {n.id for u in updates for n in u.nodes}
    used = {i for n in _moved_last(program, updates).nodes if n.id not in new for i in n.inputs}
    kept = {r for i in program.outputs if i not in new for r in roots[i]}
    times = Counter(i for u in updates for i in u.overwritten)
    overwritten = set(times)

    def fits(u: Update) -> bool:
        handed_out = all(n.id in program.outputs and n.id not in used for n in u.nodes)
        alone = all(times[i] == 1 and i not in kept for i in u.overwritten)
        return handed_out and alone and not roots[u.operands[2]] & overwritten

    return [u for u in updates if fits(u)]
