"""The targets, as data, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphdiff.bench.figures import Spread, measured, memory, time_ratio

_NUMPY, _TORCH, _EAGER, _COMPILE = (
    "graphdiff numpy compiled",
    "graphdiff torch compiled",
    "torch eager",
    "torch.compile",
)


@dataclass(frozen=True)
class Target:
    """A contestant's figure over that of its best rival, at most so much.

    Attributes:
        figure: ``"time"`` of a step, peak ``"memory"``, or the seconds of ``"compiling"``, which stand alone.
    """

    workload: str
    contestant: str
    rivals: tuple[str, ...]
    limit: float
    figure: str = "time"

    def __str__(self) -> str:
        rivals = f" ÷ {'|'.join(self.rivals)}" if self.rivals else ""
        return f"{self.figure} {self.contestant}{rivals}"


@dataclass(frozen=True)
class Verdict:
    """What came of a target; without a value where something was not measured, with the reason."""

    workload: str
    target: str
    limit: float
    value: Spread | None
    reason: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.value is None else self.value.median <= self.limit

    @property
    def word(self) -> str:
        return {True: "met", False: "missed", None: "not measured"}[self.met]


# compiled NumPy ÷ torch eager, ÷ the faster of MyGrad and autograd; compiled torch ÷ eager, ÷ torch.compile
_STEPS: dict[str, tuple[float | None, ...]] = {
    "mlp-64": (1.3, 0.5, 0.65, 0.6),
    "mlp-1024": (1.2, 0.45, 0.92, 1.0),
    "lenet5-64": (1.1, 0.15, 0.85, 0.5),
    "vgg-64": (1.2, 0.12, 0.6, 0.6),
    "resnet18-16": (1.4, None, 0.8, 0.9),
    "resnet50-4": (1.5, None, 0.9, 1.0),
}
_COLUMNS = ((_NUMPY, (_EAGER,)), (_NUMPY, ("mygrad", "autograd")), (_TORCH, (_EAGER,)), (_TORCH, (_COMPILE,)))
_SCALARS, _NUMPY_EAGER, _TORCH_EAGER = "scalar-10000", "graphdiff numpy eager", "graphdiff torch eager"
_LENET, _RESNET20, _RESNET50 = "lenet5-64-cuda", "resnet20-32-cuda", "resnet50-256-cuda"
_OTHERS_ON_CUDA = ("vgg16-64-cuda", "googlenet-128-cuda")

TARGETS: tuple[Target, ...] = (
    *(
        Target(workload, contestant, rivals, limit)
        for workload, limits in _STEPS.items()
        for (contestant, rivals), limit in zip(_COLUMNS, limits, strict=True)
        if limit is not None
    ),
    Target(_SCALARS, _NUMPY_EAGER, ("micrograd",), 1.0),
    Target(_SCALARS, _NUMPY_EAGER, (_EAGER,), 0.4),
    Target(_SCALARS, _NUMPY, ("micrograd",), 0.03),
    Target("lenet5-64", _TORCH_EAGER, (_EAGER,), 1.5),
    Target("resnet50-4", _TORCH_EAGER, (_EAGER,), 1.05),
    *(Target(w, c, (_EAGER,), 1.0, "memory") for w in _STEPS for c in (_NUMPY, _TORCH)),
    *(Target(w, "graphdiff torch inductor", (_EAGER,), 0.8, "memory") for w in _STEPS),
    *(Target("resnet152-1", c, (), 5.0, "compiling") for c in (_NUMPY, "graphdiff torch aten")),
    *(Target(w, _TORCH, (_EAGER,), 0.5) for w in (_LENET, _RESNET20)),
    *(Target(w, _TORCH, (_COMPILE,), 1.0) for w in (_LENET, _RESNET20, *_OTHERS_ON_CUDA)),
    Target(_RESNET50, _TORCH, ("torch.compile max-autotune",), 1.0),
    Target(_RESNET50, _TORCH, (_EAGER,), 0.85),
    *(Target(w, _TORCH, (_EAGER,), 1.0, "memory") for w in (_LENET, _RESNET20, _RESNET50, *_OTHERS_ON_CUDA)),
)

_WORST = {
    "convolution": {"forward": 1.5, "input gradient": 1.5, "weight gradient": 1.5},
    "pooling forward": {"forward, and winners": 0.5},
    "pooling backward": {"backward": 2.0},
}
_MEAN = 1.25


def judged(target: Target, workloads: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """A target against a run's figures, by workload and contestant."""
    found = workloads.get(target.workload, {})
    mine = found.get(target.contestant)
    rivals = [found[r] for r in target.rivals if measured(found.get(r))]
    value, reason = None, ""
    if mine is None or not measured(mine):
        reason = _reason(target.contestant, mine)
    elif target.rivals and not rivals:
        reason = _reason(target.rivals[0], found.get(target.rivals[0]))
    else:
        value = _value(target.figure, mine, rivals)
    return Verdict(target.workload, str(target), target.limit, value, reason)


def _reason(name: str, entry: Mapping[str, Any] | None) -> str:
    said = "was not asked for" if entry is None else entry.get("unavailable") or entry.get("failed")
    return f"{name}: {said}"


def _value(figure: str, mine: Mapping[str, Any], rivals: Sequence[Mapping[str, Any]]) -> Spread:
    if figure == "compiling":
        return Spread.of([mine["first_s"] - mine["median_s"]])
    if figure == "memory":
        return Spread.of([memory(mine) / min(map(memory, rivals))])
    return time_ratio(mine, min(rivals, key=lambda r: float(r["median_s"])))


def judged_kernels(rows: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    """The slowest of each kind of kernel, and the convolutions' geometric mean."""
    for family, limits in _WORST.items():
        for kernel, limit in limits.items():
            alike = [r for r in rows if (r["family"], r["kernel"]) == (family, kernel)]
            if alike:
                worst = max(alike, key=lambda r: float(r["ratio"]))
                name = f"slowest {family.partition(' ')[0]} {kernel}, {worst['shape']}"
                spread = Spread(worst["ratio_low"], worst["ratio"], worst["ratio_high"])
                yield Verdict("NumPy kernels", f"{name} ÷ torch", limit, spread)
    ratios = [r["ratio"] for r in rows if r["family"] == "convolution"]
    if ratios:
        mean = Spread.of([geometric_mean(ratios)])
        yield Verdict("NumPy kernels", "geometric mean of convolutions ÷ torch", _MEAN, mean)


def geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios))


def verdicts(result: Mapping[str, Any], targets: Iterable[Target] = TARGETS) -> list[Verdict]:
    """All targets of the workloads that a run was asked for."""
    workloads = result["workloads"]
    found = [judged(target, workloads) for target in targets if target.workload in workloads]
    return [*found, *judged_kernels(result.get("kernels", ()))]
