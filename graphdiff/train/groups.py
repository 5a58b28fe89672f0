"""Parameter groups: options of an optimizer for some of the parameters, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphdiff.arguments import check_kind, check_numbers, shown
from graphdiff.errors import ArgumentError
from graphdiff.matching import Match, fitting
from graphdiff.tensor import Tensor

_OPTIONS = ("lr", "weight_decay")


class Group(NamedTuple):
    """What holds for the parameters that match.

    Attributes:
        share: their learning rate divided by the optimizer's.
    """

    match: Match
    share: float
    weight_decay: float


class Groups:
    """The groups in order, and behind them the one of all other parameters.

    Raises:
        ArgumentError: an unknown option, or a negative rate or decay.
    """

    def __init__(self, lr: float, weight_decay: float, options: Mapping[Match, Mapping[str, Any]]) -> None:
        check_kind("groups", options, Mapping, 'give a dict such as {"*.bias": {"weight_decay": 0}}')
        self._groups = []
        for match, given in (*options.items(), ("*", {})):
            check_kind("groups", given, Mapping, 'give a dict such as {"*.bias": {"weight_decay": 0}}')
            own_lr, decay = given.get("lr", lr), given.get("weight_decay", weight_decay)
            check_numbers(lr=own_lr, weight_decay=decay)
            if given.keys() - set(_OPTIONS) or not own_lr >= 0 or not decay >= 0:
                of = f"the options {shown(dict(given))} of group {shown(match)} and " if given else ""
                raise ArgumentError(
                    f"{of}weight_decay={decay} make{'' if of else 's'} no sense",
                    fix=f"give {' and '.join(_OPTIONS)}, numbers of at least 0; what is to stay as it is, "
                    "graphdiff.freeze(model, pattern) freezes",
                )
            self._groups.append(Group(match, own_lr / lr, decay))

    def of(self, parameters: Mapping[str, Tensor]) -> dict[str, Group]:
        """The group of each parameter, by path: the first that it fits.

        Raises:
            ArgumentError: a group that no parameter fits.
        """
        found: dict[str, Group] = {}
        for group in reversed(self._groups):
            found |= dict.fromkeys(fitting(parameters, group.match), group)
        return found
