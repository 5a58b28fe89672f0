"""A run's figures as tables of text, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphdiff.bench.contestants import REFERENCE
from graphdiff.bench.figures import Spread, measured, memory, time_ratio
from graphdiff.bench.targets import Verdict
from graphdiff.bench.workloads import WORKLOADS

Row = tuple[str, ...]

STEPS = (
    "workload",
    "contestant",
    "ms a step",
    f"÷ {REFERENCE}",
    "first s",
    "steady s",
    "MiB over start",
    "MiB",
)
KERNELS = ("kernel", "shape", "NumPy ms", "torch ms", "÷ torch")
TARGETS = ("workload", "target", "value", "limit", "")


def steps(result: Mapping[str, Any]) -> list[Row]:
    """A row for each contestant on each workload: figures with quartiles, or why there are none."""
    return [
        (workload, contestant, *_figures(workload, entry, found.get(REFERENCE)))
        for workload, found in result["workloads"].items()
        for contestant, entry in found.items()
    ]


def _figures(workload: str, entry: Mapping[str, Any], reference: Mapping[str, Any] | None) -> Row:
    if not measured(entry):
        return (entry.get("unavailable") or f"failed: {entry['failed']}", *[""] * (len(STEPS) - 3))
    low, middle, high = (1e3 * entry[key] for key in ("quartile_low_s", "median_s", "quartile_high_s"))
    nodes = WORKLOADS[workload].nodes
    a_node = f", {1e3 * middle / nodes:.3g} µs a node" if nodes else ""
    return (
        f"{middle:.4g} ({low:.4g}–{high:.4g}){a_node}",
        str(time_ratio(entry, reference)) if reference is not None and measured(reference) else "",
        f"{entry['first_s']:.2f}",
        f"{entry['steady_s']:.2f}",
        f"{memory(entry):.0f}",
        f"{entry['peak_mib']:.0f}",
    )


def kernels(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A row for each kernel on each shape."""
    return [
        (
            f"{row['family'].partition(' ')[0]} {row['kernel']}",
            row["shape"],
            f"{row['ours_ms']:.3g}",
            f"{row['torch_ms']:.3g}",
            str(Spread(row["ratio_low"], row["ratio"], row["ratio_high"])),
        )
        for row in rows
    ]


def targets(verdicts: Sequence[Verdict]) -> list[Row]:
    """A row for each target: what was found, the limit, and whether it is met."""
    return [(v.workload, v.target, str(v.value or v.reason), f"≤ {v.limit:g}", v.word) for v in verdicts]
