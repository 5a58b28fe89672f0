"""``diagnose``: what is wrong with a computation and its gradients, as a report to read and to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from graphdiff import ops
from graphdiff.arguments import check_choice
from graphdiff.diagnose import states
from graphdiff.diagnose.first_bad import Bad, Search
from graphdiff.diagnose.run import Loss, Run, run_of
from graphdiff.diagnose.states import State
from graphdiff.diagnose.statistics import Statistics, fetched, statistics_of
from graphdiff.draw import words
from graphdiff.errors import ArgumentError
from graphdiff.graph import Node
from graphdiff.tensor import Tensor

_MOST_NAMED = 6
_ENOUGH = 16  # values that a unit must have had for "half of the units are dead" to say something
_LIMITS = {
    "vanishing": f"norm below {words.norm(states.VANISHING)}",
    "exploding": f"norm above {words.norm(states.EXPLODING)}",
}


@dataclass(frozen=True)
class Gradient:
    """The gradient of a node, and what state it is in.

    Attributes:
        node: of the forward pass.
        state: see :data:`graphdiff.diagnose.states.STATES`.
        value: what its elements are like; ``None`` where there is none.
    """

    node: Node
    state: State
    value: Statistics | None


@dataclass(frozen=True)
class Dead:
    """A ReLU some of whose units are zero for the whole batch: no gradient passes through them.

    Attributes:
        node: the ReLU.
        units, dead: how many units (channels) it has, and how many of them are dead.
    """

    node: Node
    units: int
    dead: int


@dataclass(frozen=True)
class Report:
    """What :func:`diagnose` found; ``print`` it, or ask its attributes.

    Attributes:
        forward, backward, update: the first bad node of each pass, or ``None``.
        reaching: the first bad node that a result is bad because of, where that is not the first of all.
        gradients: of every parameter, of what was computed from one, and of whatever else has one.
        dead: ReLUs with dead units: all of them dead, or half of them over at least 16 values.
        run: the computation, with its values.
    """

    forward: Bad | None
    backward: Bad | None
    update: Bad | None
    reaching: Bad | None
    gradients: tuple[Gradient, ...]
    dead: tuple[Dead, ...]
    run: Run

    @property
    def first(self) -> Bad | None:
        """The first bad node, of all passes."""
        return self.forward or self.backward or self.update

    def in_state(self, state: State) -> list[Gradient]:
        """The gradients in a state."""
        check_choice("state", state, get_args(State))
        return [g for g in self.gradients if g.state == state]

    def __str__(self) -> str:
        passes = {"forward": self.forward, "backward": self.backward, "update": self.update}
        made = {node.role for node in self.run.graph} | {"forward"}
        lines = [
            f"{name}: {_told(bad) if bad else 'all values are finite'}"
            for name, bad in passes.items()
            if name in made
        ]
        if self.reaching is not None:
            lines.append(f"what spoils the result: {_told(self.reaching)}")
        lines += [f"gradients: {self._summary()}", *self._named(), *map(_dead_told, self.dead)]
        return "\n".join(lines)

    def _summary(self) -> str:
        if not self.run.differentiated:
            return "no backward yet"
        counts = {state: len(self.in_state(state)) for state in reversed(states.STATES)}
        return ", ".join(f"{n:,} {state}" for state, n in counts.items() if n) or "none asked for"

    def _named(self) -> list[str]:
        lines = []
        for state in states.STATES:
            found = self.in_state(state)
            if found and state not in ("fine", "no backward yet"):
                limit = f" ({_LIMITS[state]})" if state in _LIMITS else ""
                names = [_gradient_told(g) for g in found[:_MOST_NAMED]]
                more = [f"and {len(found) - _MOST_NAMED:,} more"] if len(found) > _MOST_NAMED else []
                lines.append(f"  {state}{limit}: {', '.join(names + more)}")
        return lines


def diagnose(target: Any, *args: Any, loss: Loss | None = None) -> Report:
    """Look for what is wrong: the first NaN or infinity, forward and backward, and gradients that vanish or
    explode.

    ``diagnose(f)`` looks at the values that a tensor was computed from; ``diagnose(f.backward())`` at the
    gradients too; ``diagnose(model, x, labels, loss=gd.losses.softmax_cross_entropy)`` and
    ``diagnose(trainer, x, labels)`` compute a step, forward and backward, and change nothing: a failing step
    gives the same numbers again. So does a function, compiled or not: ``diagnose(step, x, labels)``.

    Args:
        target: a tensor, the record of a backward pass, a module, a trainer or a function.
        args: what a module, trainer or function is called with.
        loss: ``loss(scores, labels)`` of a module's batch.

    Raises:
        ArgumentError: a target that cannot be looked at, or arguments where it takes none.
        TracingError: a function that needs the value of a tensor; diagnose the tensor that it returns.
    """
    run = run_of(target, args, loss)
    if not run.values:
        raise ArgumentError(
            "a graph has no values to look at", fix="give the tensor, or the function it is of"
        )
    return report_of(run)


def report_of(run: Run) -> Report:
    """The report on a run."""
    search = Search(run)
    forward = search.first(run.forward)
    reaching = search.reaching(run.forward) if forward is not None and forward.hidden else None
    backward, update = (
        search.first(node for node in run.graph if node.role == role) for role in ("backward", "update")
    )
    return Report(forward, backward, update, reaching, _gradients(run), _dead(run), run)


def _gradients(run: Run) -> tuple[Gradient, ...]:
    nodes = _differentiable(run)
    if not run.differentiated:
        return tuple(Gradient(node, "no backward yet", None) for node in nodes)
    if not run.gradients:  # a backward pass inside a function: whose gradients they are is not known
        return ()
    known = {n.id: run.values[run.gradients[n.id]] for n in nodes if n.id in run.gradients}
    facts = dict(zip(known, statistics_of(list(known.values())), strict=True))
    return tuple(Gradient(node, _state(facts.get(node.id)), facts.get(node.id)) for node in nodes)


def _differentiable(run: Run) -> list[Node]:
    """The nodes that may have a gradient: parameters, what was computed from them, and what has one; not data
    whose gradient nobody asked for."""
    found: dict[int, Node] = {}
    for node in run.forward:
        asked = not run.differentiated and node.role == "input"
        known = asked or node.role == "parameter" or node.id in run.gradients
        if node.spec.dtype.is_floating and (known or any(i in found for i in node.inputs)):
            found[node.id] = node
    return list(found.values())


def _state(value: Statistics | None) -> State:
    if value is None:
        return "no gradient here"
    if not value.finite:
        return "NaN" if value.nan else "infinite"
    return states.of_norm(value.norm) if value.spec.size else "zero"


def _dead(run: Run) -> tuple[Dead, ...]:
    relus = [
        node
        for node in run.forward
        if node.primitive is not None and node.primitive.name == "relu"
        if node.spec.ndim > 1 and node.spec.size
    ]
    counts = fetched([run.values[node.id] for node in relus], _count_dead)
    found = [
        Dead(n, n.spec.shape[_unit_axis(n.spec.ndim)], int(k)) for n, (k,) in zip(relus, counts, strict=True)
    ]
    return tuple(d for d in found if d.dead == d.units or _half(d))


def _half(found: Dead) -> bool:
    return 2 * found.dead >= found.units and found.node.spec.size >= _ENOUGH * found.units


def _count_dead(t: Tensor) -> Tensor:
    axis = _unit_axis(t.ndim)
    others = tuple(a for a in range(t.ndim) if a != axis)
    return ops.stack([ops.sum(ops.max(t, others) == 0.0)])


def _unit_axis(rank: int) -> int:
    """Units are the channels of (N, C, H, W), else the last axis."""
    return 1 if rank == 4 else rank - 1


def _told(bad: Bad) -> str:
    return "\n  ".join(bad.facts)


def _gradient_told(gradient: Gradient) -> str:
    node = gradient.node
    scope = f" ({node.scope})" if node.scope and not node.name else ""
    norm = f" {words.norm(gradient.value.norm)}" if gradient.value and gradient.state in _LIMITS else ""
    return f"{node.label}{scope}{norm}"


def _dead_told(found: Dead) -> str:
    scope = f" ({found.node.scope})" if found.node.scope else ""
    what = f"{found.dead:,} of {found.units:,} units are zero for the whole batch"
    return f"dead ReLU: {found.node.label}{scope}: {what}"
