"""Schedules: from the number of steps (or epochs) done to a learning rate.

>>> import graphdiff as gd
>>> schedule = gd.schedules.Step(lr=0.1, every=2)
>>> [schedule(n) for n in range(5)]
[0.1, 0.1, 0.010000000000000002, 0.010000000000000002, 0.0010000000000000002]

Whoever trains sets ``optimizer.lr = schedule(n)`` before step or epoch n, counted from 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from graphdiff.arguments import check_flags, shown
from graphdiff.errors import ArgumentError, StateError
from graphdiff.train.identity import described


class Schedule(ABC):
    """Base of schedules. Most are plain functions of n; one that watches a metric keeps what it saw."""

    @abstractmethod
    def __call__(self, n: int, metric: float | None = None) -> float:
        """The learning rate after n steps or epochs.

        Args:
            n: how many are done, from 0 on.
            metric: what the last of them gave, for schedules that watch it (smaller is better).
        """

    def state_dict(self) -> dict[str, Any]:
        """What the schedule remembers: plain numbers, enough to go on from."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state_dict` gave.

        Raises:
            StateError: a state for a schedule that remembers nothing.
        """
        if state:
            raise StateError(f"{self!r} remembers nothing, and was given {state}", fix="load its own state")


class _Plain(Schedule):
    """A function of n alone."""

    def __init__(self, rate: Callable[[int], float]) -> None:
        self._rate = rate

    def __call__(self, n: int, metric: float | None = None) -> float:
        value = self._rate(n)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise ArgumentError(
                f"the schedule {described(self._rate)} gave {value!r} for {n}",
                fix="let it return the learning rate, a number",
            ) from None


Rates = Schedule | Callable[[int], float] | float
"""A schedule, a function from n to a learning rate, or a rate that stays."""


def as_schedule(given: Rates | None) -> Schedule | None:
    """The schedule that is meant; ``None`` for none.

    Raises:
        ArgumentError: no schedule, function or number.
    """
    if given is None or isinstance(given, Schedule):
        return given
    if isinstance(given, (int, float)):
        return _Plain(lambda n: given)
    if not callable(given) or isinstance(given, type):
        made = f", such as {given.__name__}(…)" if isinstance(given, type) else ""
        raise ArgumentError(
            f"schedule={given!r} is no schedule",
            fix=f"give an object of graphdiff.schedules{made}, a function of one integer, or a number",
        )
    return _Plain(given)


def check_schedule(schedule: Schedule, sound: bool) -> None:
    """Refuse options that make no schedule.

    Raises:
        ArgumentError: they are not sound.
    """
    check_flags(sound=sound)
    if not sound:
        raise ArgumentError(
            f"{shown(schedule)} is no schedule",
            fix="give rates and factors above 0, and counts of at least 1",
        )
