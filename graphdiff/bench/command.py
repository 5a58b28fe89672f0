"""What ``graphdiff bench`` does: choose, measure, keep, print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from graphdiff.bench import tables
from graphdiff.bench.contestants import CONTESTANTS
from graphdiff.bench.kernels import bench_kernels
from graphdiff.bench.run import QUICK, Plan, Result, bench
from graphdiff.bench.targets import verdicts
from graphdiff.bench.workloads import WORKLOADS

_WIDTH = 160  # of the tables, wherever they are printed
_ON_GPU = Plan(rounds=5, turn_s=1.0, start_s=240.0, limit_s=540.0)


def command(
    workloads: Sequence[str],
    contestants: Sequence[str],
    rounds: int | None,
    quick: bool,
    gpu: bool,
    kernels: bool,
    targets: bool,
    path: Path | None,
) -> None:
    """Measure and print; the figures so far are in the file after every workload."""
    device = "cuda" if gpu else "cpu"
    chosen = workloads or [name for name, w in WORKLOADS.items() if w.device == device]
    plan = QUICK if quick else _ON_GPU if gpu else Plan()
    if rounds is not None:
        plan = Plan(rounds, plan.turn_s, plan.slow_s, plan.start_s, plan.limit_s)
    progress, console = Console(stderr=True), Console(width=_WIDTH)

    def keep(result: Result) -> None:
        if path is not None:
            path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    result = bench(chosen, contestants or list(CONTESTANTS), plan, say=progress.print, keep=keep)
    if kernels:
        result["kernels"] = bench_kernels(3 if quick else 15)
        keep(result)
    _print(console, result, targets)


def _print(console: Console, result: dict[str, Any], targets_alone: bool) -> None:
    machine = result["machine"]
    console.print(f"{machine.get('gpu', machine['processor'])}, {machine['threads']} threads")
    if not targets_alone:
        _show(console, tables.STEPS, tables.steps(result))
        if "kernels" in result:
            _show(console, tables.KERNELS, tables.kernels(result["kernels"]))
    _show(console, tables.TARGETS, tables.targets(verdicts(result)))


def _show(console: Console, heads: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    console.print(table)
