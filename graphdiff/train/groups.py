"""Parameter groups: options of an optimizer for some of the parameters, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphdiff.errors import ArgumentError
from graphdiff.matching import Match, matches
from graphdiff.tensor import Tensor

_OPTIONS = ("lr", "weight_decay", "frozen")


class Group(NamedTuple):
    """What holds for the parameters that match.

    Attributes:
        share: their learning rate divided by the optimizer's.
    """

    match: Match
    share: float
    weight_decay: float
    frozen: bool

    def has(self, name: str, parameter: Tensor) -> bool:
        return matches(self.match, name, parameter)


def groups_of(
    lr: float, weight_decay: float, options: Mapping[Match, Mapping[str, Any]]
) -> tuple[Group, ...]:
    """The groups in order, and behind them the one of all other parameters.

    Raises:
        ArgumentError: an unknown option, or a negative rate or decay.
    """
    groups = []
    for match, given in (*options.items(), ("*", {})):
        own_lr, decay = given.get("lr", lr), given.get("weight_decay", weight_decay)
        unknown = given.keys() - set(_OPTIONS)
        if unknown or not own_lr >= 0 or not decay >= 0:
            raise ArgumentError(
                f"the options {dict(given)} of group {match!r} and weight_decay={decay} make no sense",
                fix=f"give {', '.join(_OPTIONS)}, numbers of at least 0",
            )
        groups.append(Group(match, own_lr / lr, decay, bool(given.get("frozen", False))))
    return tuple(groups)
