"""The fastest of several executables, found by measuring real calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphdiff.compile.executable import Executable, Run

Array = Any
_log = logging.getLogger("graphdiff.compile")
_CALLS = 3  # in a row; before the first, another has brought the state to its own layout
_TURNS = 2  # of each, in between each other: a machine that slows down for a while does so for all


class Choice:
    """Executables that take turns at the first calls; from then on the fastest takes all.

    Each call is made once, so nothing is computed twice and state changes as it should.

    Args:
        candidates: name -> executable.
        wait: returns when the device has done its work.
    """

    def __init__(self, candidates: Mapping[str, Executable], wait: Callable[[], None] = lambda: None) -> None:
        self._candidates = dict(candidates)
        self._wait = wait
        self._times: dict[str, list[float]] = {name: [] for name in candidates}
        self._calls = [name for _ in range(_TURNS) for name in candidates for _ in range(_CALLS)]
        self._chosen = next(iter(candidates.values())) if len(candidates) == 1 else None

    @property
    def source(self) -> str:
        return (self._chosen or next(iter(self._candidates.values()))).source

    @property
    def run(self) -> Run:
        return self._try if self._chosen is None else self._chosen.run

    def _try(self, arguments: Sequence[Array]) -> Sequence[Array]:
        name = self._calls[sum(map(len, self._times.values()))]
        self._wait()
        start = time.perf_counter()
        results = self._candidates[name].run(arguments)
        self._wait()
        self._times[name].append(time.perf_counter() - start)
        if sum(map(len, self._times.values())) == len(self._calls):
            self._choose()
        return results

    def _choose(self) -> None:
        best = {name: min(times) for name, times in self._times.items()}
        chosen = min(best, key=best.__getitem__)
        _log.info("%s chosen: %s", chosen, ", ".join(f"{n} {1000 * t:.3g} ms" for n, t in best.items()))
        self._chosen = self._candidates[chosen]
        self._candidates = {chosen: self._chosen}
