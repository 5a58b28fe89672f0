"""One contestant in a process of its own: makes its step, then takes turns as it is told.

It speaks JSON, a line at a time: first how it started, with the losses of its first steps, or why it cannot;
then, for every line that says for how many seconds to go on, how long each step took.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np

from graphdiff.bench.contestants import CONTESTANTS, Contestant
from graphdiff.bench.memory import Memory
from graphdiff.bench.workloads import WORKLOADS, Step, UnavailableError, Workload

COMPARED = 3  # steps whose losses are compared
_WARM_UP = 14  # steps, or so many as take this long: what chooses by measuring has chosen by then
_WARM_UP_S = 15.0
_SETTLED_S = 0.1  # quicker steps begin a turn with one that is not timed: caches hold another's data


@contextmanager
def _private_stdout() -> Iterator[TextIO]:
    """Standard output for the messages alone: what libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


def _timed(step: Step, steps: int) -> tuple[float, float]:
    """Seconds of a step, mean of several where they are not waited for one by one, and the last loss."""
    begin = time.perf_counter()
    for _ in range(steps):
        loss = step()
    value = float(loss.item())
    return (time.perf_counter() - begin) / steps, value


class _Runner:
    def __init__(self, contestant: Contestant, workload: Workload, arrays: str) -> None:
        begin = time.perf_counter()
        contestant.load()
        self.import_s = time.perf_counter() - begin
        _pin_threads()
        with np.load(arrays) as saved:
            data = dict(saved)
        self.memory = Memory(workload.device)
        begin = time.perf_counter()
        self.step, self.together = contestant.start(workload, data), workload.together
        del data  # who did not copy it holds it still
        self.build_s = time.perf_counter() - begin

    def warm_up(self) -> dict[str, Any]:
        """Steps one by one until they have had their time; then memory is counted afresh."""
        seconds: list[float] = []
        losses: list[float] = []
        while len(seconds) < COMPARED or (sum(seconds) < _WARM_UP_S and len(seconds) < _WARM_UP):
            took, loss = _timed(self.step, 1)
            seconds.append(took)
            losses.append(loss)
        self.last = seconds[-1]
        self.memory.forget_peak()
        return {
            "losses": losses[:COMPARED],
            "import_s": self.import_s,
            "build_s": self.build_s,
            "warm_up_s": seconds,
        }

    def turn(self, seconds: float) -> dict[str, Any]:
        """Steps for so many seconds, one at least."""
        if self.last < _SETTLED_S:
            self.step().item()
        found: list[float] = []
        end = time.perf_counter() + seconds
        while not found or time.perf_counter() < end:
            found.append(_timed(self.step, self.together)[0])
        self.last = statistics.median(found)
        return {"seconds": found, **self.memory.peaks()}


def _pin_threads() -> None:
    """torch reads no variable once it is loaded with others; what is pinned by variables alone is by then."""
    if "torch" in sys.modules and (threads := os.environ.get("OMP_NUM_THREADS")):
        import torch

        torch.set_num_threads(int(threads))


def _attempt(say: Callable[[Mapping[str, Any]], None], names: tuple[str, str], arrays: str) -> _Runner | None:
    try:
        runner = _Runner(CONTESTANTS[names[0]], WORKLOADS[names[1]], arrays)
        say(runner.warm_up())
    except UnavailableError as reason:
        say({"unavailable": reason.what})
        return None
    return runner


def main(contestant: str, workload: str, arrays: str) -> None:
    """Start, then answer each line of standard input, a number of seconds, with the steps that it took."""
    with _private_stdout() as out:

        def say(message: Mapping[str, Any]) -> None:
            out.write(json.dumps(message) + "\n")
            out.flush()

        runner = _attempt(say, (contestant, workload), arrays)
        for line in sys.stdin if runner is not None else ():
            say(runner.turn(float(line)))  # type: ignore[union-attr]


if __name__ == "__main__":
    main(*sys.argv[1:])
