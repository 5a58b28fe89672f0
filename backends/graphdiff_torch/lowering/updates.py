"""Updates of parameters by SGD, found in a program: all of them become one call that works in place.

A gradient that is a product of matrices, as a linear layer's, is added to the velocity while it is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphdiff.compile.passes import drop_dead
from graphdiff.compile.program import Program
from graphdiff.graph import Node
from graphdiff_torch.lowering.fused import SGD, VELOCITY
from graphdiff_torch.lowering.matching import Found, Op, Search, is_a

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
        operands: ids of learning rate, parameter, velocity if there is one, and gradient, or the two matrices
            whose product is the gradient.
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
        return self.operands[1 : 1 + len(self.nodes)]

    @property
    def gradient(self) -> tuple[int, ...]:
        return self.operands[1 + len(self.nodes) :]


@dataclass(frozen=True)
class Group:
    """Updates that one call makes: of one learning rate, momentum and dtype, and alike in their gradients."""

    updates: tuple[Update, ...]

    @property
    def statement(self) -> str:
        first = self.updates[0]
        lr, *lists = zip(*(u.operands for u in self.updates), strict=True)
        operands = ["(" + "".join(f"v{i}, " for i in ids) + ")" for ids in lists]
        if first.velocity is None:
            operands.insert(1, "()")
        results = [u.parameter for u in self.updates] + [u.velocity for u in self.updates if u.velocity]
        names = "".join(f"v{node.id}, " for node in results)
        function = "descend" if len(first.gradient) == 1 else "descend_by_products"
        return f"{names}= {function}(v{lr[0]}, {', '.join(operands)}, {first.momentum!r})"


def with_updates(program: Program, table: Container[str], roots: Roots) -> tuple[Program, list[Group]]:
    """The program with all updates at its end, and how they are grouped.

    Args:
        table: names whose kernels are torch's own.
        roots: in whose memory each value may lie.
    """
    updates = list(_updates(program))
    if "matmul" in table:
        updates = _by_products(program, updates)
    found = _possible(program, updates, roots)
    grouped: dict[Any, list[Update]] = {}
    for u in found:
        alike = (u.operands[0], u.momentum, u.parameter.spec.dtype, len(u.gradient))
        grouped.setdefault(alike, []).append(u)
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
    operands = tuple(found.values[letter].id for letter in "lwvg" if letter in found.values)
    parameter = replace(node, primitive=SGD, inputs=operands, params={})
    if "v" not in found.values:
        return Update(parameter, None, operands, 0.0)
    velocity = replace(found.nodes["add"], primitive=VELOCITY, inputs=operands, params={})
    return Update(parameter, velocity, operands, _constant(found.values["m"], program) or 0.0)


def _by_products(program: Program, updates: Sequence[Update]) -> list[Update]:
    """The updates, by the factors of gradients that are products and serve no other purpose. Factors are kept
    until the end, so they must be smaller than the gradient, which need not be."""
    uses = Counter(i for n in program.nodes for i in n.inputs) + Counter(program.outputs)
    nodes = {n.id: n for n in program.nodes}

    def factored(u: Update) -> Update:
        (gradient,) = (nodes[i] for i in u.gradient)
        if u.velocity is None or not is_a(gradient, "matmul") or uses[gradient.id] > 1:
            return u
        factors = [nodes[i].spec for i in gradient.inputs]
        if any(len(f.shape) != 2 for f in factors) or sum(f.size for f in factors) > gradient.spec.size:
            return u
        operands = (*u.operands[:3], *gradient.inputs)
        parameter, velocity = (replace(n, inputs=operands) for n in u.nodes)
        return replace(u, parameter=parameter, velocity=velocity, operands=operands)

    return list(map(factored, updates))


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
        return handed_out and alone and not any(roots[i] & overwritten for i in u.gradient)

    return [u for u in updates if fits(u)]
