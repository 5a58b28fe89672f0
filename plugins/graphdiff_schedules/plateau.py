"""A rate that falls when a metric does not."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from graphdiff.arguments import check_fields
from graphdiff.train import Schedule, check_schedule


@dataclass
class _Seen:
    """Plain numbers, so that a checkpoint can hold them."""

    lr: float
    best: float = math.inf
    bad: int = 0
    cooling: int = 0


@dataclass
class ReduceOnPlateau(Schedule):
    """lr, multiplied by ``factor`` whenever a metric has not become better for more than ``patience`` calls.

    Better is below (1 − threshold) times the best so far. A call without a metric changes nothing.

    Args:
        cooldown: for so many calls after a reduction nothing is counted.
        minimum: the rate falls no further.
    """

    lr: float
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    minimum: float = 0.0
    _seen: _Seen = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)
        sound = 0 < self.factor < 1 and self.lr >= self.minimum >= 0 < self.lr
        check_schedule(self, sound and min(self.patience, self.cooldown, self.threshold) >= 0)
        self._seen = _Seen(self.lr)

    def __call__(self, n: int, metric: float | None = None) -> float:
        if metric is not None:
            self._see(metric)
        return self._seen.lr

    def _see(self, metric: float) -> None:
        seen = self._seen
        if metric < seen.best * (1 - self.threshold):
            seen.best, seen.bad = metric, 0
        else:
            seen.bad += 1
        if seen.cooling:
            seen.cooling, seen.bad = seen.cooling - 1, 0
        if seen.bad > self.patience:
            seen.lr = max(seen.lr * self.factor, self.minimum)
            seen.cooling, seen.bad = self.cooldown, 0

    def state_dict(self) -> dict[str, Any]:
        return asdict(self._seen)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._seen = _Seen(**state)
