"""Running contestants in turn, and what came of it.

A contestant that fails, hangs or computes something else is reported and loses nobody else's figures.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.bench.contestants import CONTESTANTS, REFERENCE
from graphdiff.bench.figures import summary
from graphdiff.bench.machine import description
from graphdiff.bench.process import Failure, Process
from graphdiff.bench.workloads import WORKLOADS, UnavailableError, Workload
from graphdiff.errors import ArgumentError

Result = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How long everything may take.

    Attributes:
        rounds: turns that each contestant takes on a workload.
        turn_s: seconds of a turn; one step at least.
        slow_s: a contestant that has been at it for so long takes no turn after its second.
        start_s: seconds until a contestant must have started, compiling included.
        limit_s: seconds until contestants not started yet are left out.
    """

    rounds: int = 7
    turn_s: float = 0.3
    slow_s: float = 15.0
    start_s: float = 120.0
    limit_s: float = 900.0


QUICK = Plan(rounds=2, turn_s=0.02, slow_s=2.0, start_s=60.0)


def bench(
    workloads: Sequence[str],
    contestants: Sequence[str],
    plan: Plan | None = None,
    *,
    say: Callable[[str], None] = lambda text: None,
    keep: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Measure contestants on workloads.

    Args:
        say: told what is being done.
        keep: handed the result so far after each workload.

    Returns:
        ``machine``, its description; ``rounds``; and ``workloads``, by workload and contestant the figures
        that :func:`~graphdiff.bench.figures.summary` names, or the reason why there are none:
        ``{"unavailable": reason}`` for what cannot be done, ``{"failed": reason}`` for what went wrong.

    Raises:
        ArgumentError: an unknown name.
    """
    unknown = [w for w in workloads if w not in WORKLOADS] + [c for c in contestants if c not in CONTESTANTS]
    if unknown:
        raise ArgumentError(
            f"unknown: {', '.join(unknown)}",
            fix=f"workloads: {', '.join(WORKLOADS)}; contestants: {', '.join(CONTESTANTS)}",
        )
    plan = plan or Plan()
    deadline = time.monotonic() + plan.limit_s
    gpu = any(WORKLOADS[w].device != "cpu" for w in workloads)
    result: Result = {"machine": description(gpu), "rounds": plan.rounds, "workloads": {}}
    for name in workloads:
        result["workloads"][name] = _Race(WORKLOADS[name], plan, deadline, say).run(contestants)
        keep(result)
    return result


class _Race:
    """All contestants on one workload."""

    def __init__(self, workload: Workload, plan: Plan, deadline: float, say: Callable[[str], None]) -> None:
        self.workload, self.plan, self.deadline, self.say = workload, plan, deadline, say
        self.found: dict[str, dict[str, Any]] = {}
        self.running: dict[str, Process] = {}
        self.turns: dict[str, list[dict[str, Any]]] = {}

    def run(self, contestants: Sequence[str]) -> dict[str, dict[str, Any]]:
        names = [c for c in contestants if self.workload.device in CONTESTANTS[c].devices]
        try:
            with _saved(self.workload) as arrays:
                for name in names:  # one after the other, so that no start disturbs another
                    self._start(name, arrays)
            self._compare()
            for _ in range(self.plan.rounds):
                for name in list(self.running):
                    self._turn(name)
        except UnavailableError as reason:  # there is no such model to take weights from
            return {name: {"unavailable": reason.what} for name in names}
        finally:
            for process in self.running.values():
                process.close()
        for name, process in self.running.items():
            self.found[name] = summary(process.started, self.turns[name])
        return {name: self.found[name] for name in names}

    def _start(self, name: str, arrays: str) -> None:
        left = min(self.plan.start_s, self.deadline - time.monotonic())
        if left <= 0:
            self.found[name] = {"unavailable": "the whole run's time was over"}
            return
        process = Process(name, self.workload, arrays)
        try:
            process.started = process.hear(left)
        except Failure as problem:
            self._lose(process, {"failed": str(problem)})
            return
        if "unavailable" in process.started:
            self._lose(process, process.started)
            return
        self.running[name], self.turns[name] = process, []
        self.say(
            f"{self.workload.name}: {name} has started, {sum(process.started['warm_up_s']):.1f} s of steps"
        )

    def _compare(self) -> None:
        losses = {name: process.started["losses"] for name, process in self.running.items()}
        for name, reason in strangers(losses, self.workload.tolerance).items():
            self._lose(self.running.pop(name), {"failed": reason})

    def _turn(self, name: str) -> None:
        process, turns = self.running[name], self.turns[name]
        if len(turns) >= 2 and sum(sum(turn["seconds"]) for turn in turns) > self.plan.slow_s:
            return
        try:
            turns.append(process.turn(self.plan.turn_s, self.plan.start_s))
        except Failure as problem:
            self._lose(self.running.pop(name), {"failed": str(problem)})

    def _lose(self, process: Process, reason: Mapping[str, Any]) -> None:
        process.close()
        self.found[process.contestant] = dict(reason)
        self.say(f"{self.workload.name}: {process.contestant}: {next(iter(reason.values()))}")


@contextmanager
def _saved(workload: Workload) -> Iterator[str]:
    """The workload's data in a file, which every contestant reads once."""
    with tempfile.TemporaryDirectory(prefix="graphdiff-bench-") as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, **workload.data())
        yield str(path)


def strangers(losses: Mapping[str, Sequence[float]], tolerance: float) -> dict[str, str]:
    """Who computes something else than the reference does, or than the first where that is missing."""
    if not losses:
        return {}
    known = REFERENCE if REFERENCE in losses else next(iter(losses))
    return {
        name: f"has losses {_rounded(found)}, {known} has {_rounded(losses[known])}"
        for name, found in losses.items()
        if not all(
            abs(a - b) <= tolerance * max(abs(a), abs(b), 0.1)
            for a, b in zip(losses[known], found, strict=True)
        )
    }


def _rounded(losses: Sequence[float]) -> str:
    return ", ".join(f"{loss:.5g}" for loss in losses)
