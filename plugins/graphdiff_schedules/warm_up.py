"""A gentle start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphdiff.arguments import check_fields
from graphdiff.train import Schedule, check_schedule


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rises in a straight line to where ``after`` begins, then follows it (Goyal et al. 2017, section 2.2).

    Args:
        after: the schedule behind the warm-up; its count begins there.
        steps: of the warm-up.
        start: the share of the first rate to begin with.
    """

    after: Schedule
    steps: int
    start: float = 0.1

    def __post_init__(self) -> None:
        check_fields(self)
        check_schedule(self, isinstance(self.after, Schedule) and self.steps >= 1 and 0 <= self.start <= 1)

    def __call__(self, n: int, metric: float | None = None) -> float:
        if n >= self.steps:
            return self.after(n - self.steps, metric)
        return self.after(0) * (self.start + (1 - self.start) * n / self.steps)

    def state_dict(self) -> dict[str, Any]:
        return self.after.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.after.load_state_dict(state)
