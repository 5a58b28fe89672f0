"""From times to figures: medians with quartiles, and ratios with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_STEADY = 1.5  # a step is steady below so many medians


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def __str__(self) -> str:
        low, median, high = (
            f"{v:.2f}" if v >= 0.1 else f"{v:.2g}" for v in (self.low, self.median, self.high)
        )
        return f"{median} ({low}–{high})"


def summary(started: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A contestant's figures on a workload.

    Returns:
        ``median_s``, ``quartile_low_s`` and ``quartile_high_s`` of all steps; ``round_s``, the median of
        each turn; ``first_s`` from loaded packages to the first step's end, compiling included;
        ``steady_s`` until no step took longer than usual; memory at its peak, in MiB.
    """
    spread = Spread.of([s for turn in turns for s in turn["seconds"]])
    warm_up = started["warm_up_s"]
    slow = [k for k, s in enumerate(warm_up) if s > _STEADY * spread.median]
    return {
        "median_s": spread.median,
        "quartile_low_s": spread.low,
        "quartile_high_s": spread.high,
        "round_s": [statistics.median(turn["seconds"]) for turn in turns],
        "first_s": started["build_s"] + warm_up[0],
        "steady_s": started["build_s"] + sum(warm_up[: slow[-1] + 1] if slow else ()),
        "import_s": started["import_s"],
        **{key: max(turn[key] for turn in turns) for key in turns[0] if key.endswith("_mib")},
    }


def measured(found: Mapping[str, Any] | None) -> bool:
    """Whether a contestant's entry holds figures, not the reason why there are none."""
    return found is not None and "median_s" in found


def time_ratio(a: Mapping[str, Any], b: Mapping[str, Any]) -> Spread:
    """The ratio of step times, round by round: what disturbs a round disturbs both alike."""
    return Spread.of([x / y for x, y in zip(a["round_s"], b["round_s"], strict=False)])


def memory(found: Mapping[str, Any]) -> float:
    """Peak MiB that count: the GPU's, or the process's beyond its packages and data."""
    return float(found.get("gpu_peak_mib", found["increase_mib"]))
