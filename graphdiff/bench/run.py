"""Running contestants in turn, and what came of it."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from graphdiff.bench.workloads import WORKLOADS
from graphdiff.errors import ArgumentError

THREADS = 2
_LOSS_TOLERANCE = 1e-2  # three float32 steps through batch statistics; a wrong gradient is far off
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class _Worker:
    """A contestant's process."""

    def __init__(self, contestant: str, workload: str) -> None:
        command = [sys.executable, "-m", "graphdiff.bench.worker", contestant, workload]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | dict.fromkeys(_VARIABLES, str(THREADS)),
        )
        self.contestant = contestant
        self.seconds: list[float] = []
        self.peak_mib = 0.0

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ArgumentError(
                f"contestant {self.contestant!r} ended with code {self.process.wait()}",
                fix="see its error above; leave it out with --contestant",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def turn(self, steps: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.hear()
        self.seconds += answer["seconds"]
        self.peak_mib = answer["peak_mib"]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()  # closes the pipes


def bench(workloads: Sequence[str], contestants: Sequence[str], rounds: int = 7) -> dict[str, Any]:
    """Measure contestants on workloads.

    Returns:
        The machine's description and, per workload and contestant, the median seconds of a step, the
        quartiles, the time until it was ready (compiling included), and the peak memory in MiB.

    Raises:
        ArgumentError: an unknown name, a contestant that fails, or losses that differ.
    """
    from graphdiff.bench.contestants import CONTESTANTS

    unknown = [w for w in workloads if w not in WORKLOADS] + [c for c in contestants if c not in CONTESTANTS]
    if unknown:
        raise ArgumentError(
            f"unknown: {', '.join(unknown)}",
            fix=f"workloads: {', '.join(WORKLOADS)}; contestants: {', '.join(CONTESTANTS)}",
        )
    return {
        "machine": _machine(),
        "rounds": rounds,
        "workloads": {name: _measure(name, contestants, rounds) for name in workloads},
    }


def _measure(workload: str, contestants: Sequence[str], rounds: int) -> dict[str, Any]:
    workers: list[_Worker] = []
    ready = {}
    try:
        for contestant in contestants:  # one after the other, so that no start disturbs another
            workers.append(_Worker(contestant, workload))
            ready[contestant] = workers[-1].hear()
        _compare({name: answer["losses"] for name, answer in ready.items()}, workload)
        for _ in range(rounds):
            for worker in workers:
                worker.turn(WORKLOADS[workload].steps)
    finally:
        for worker in workers:
            worker.close()
    return {w.contestant: _summary(w, ready[w.contestant]["ready"]) for w in workers}


def _compare(losses: Mapping[str, Sequence[float]], workload: str) -> None:
    first, *others = losses.items()
    for name, found in others:
        for a, b in zip(first[1], found, strict=True):
            if not abs(a - b) <= _LOSS_TOLERANCE * max(abs(a), abs(b), 0.1):
                raise ArgumentError(f"{workload}: {first[0]} has losses {first[1]}, {name} has {found}")


def _summary(worker: _Worker, ready: float) -> dict[str, float]:
    low, middle, high = statistics.quantiles(worker.seconds, n=4)
    return {
        "median_s": middle,
        "quartile_low_s": low,
        "quartile_high_s": high,
        "ready_s": ready,
        "peak_mib": worker.peak_mib,
    }


def _machine() -> dict[str, Any]:
    import numpy as np

    versions = {"python": platform.python_version(), "numpy": np.__version__}
    try:
        import torch

        versions["torch"] = torch.__version__
    except ImportError:
        pass
    return {"processor": _processor(), "cores": os.cpu_count(), "threads": THREADS, **versions}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def table(result: Mapping[str, Any], reference: str = "torch eager") -> list[tuple[str, str, str, str, str]]:
    """Rows: workload, contestant, milliseconds, ratio to the reference, peak MiB."""
    rows = []
    for workload, found in result["workloads"].items():
        base = found.get(reference)
        for contestant, m in found.items():
            ratio = f"{m['median_s'] / base['median_s']:.2f}" if base else ""
            rows.append((workload, contestant, f"{1000 * m['median_s']:.2f}", ratio, f"{m['peak_mib']:.0f}"))
    return rows
