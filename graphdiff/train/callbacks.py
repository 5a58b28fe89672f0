"""What happens besides training: early stopping, and whatever a user adds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.arguments import check_integers, check_numbers
from graphdiff.errors import ArgumentError
from graphdiff.train.history import Epoch, cost

if TYPE_CHECKING:
    from graphdiff.train.trainer import Trainer


class Callback:
    """Told what happens in :meth:`Trainer.fit`; a subclass answers to what concerns it.

    ``state`` and ``load`` let a run that was broken off go on as if it had not been: what a callback
    remembers from epoch to epoch belongs in its state, numbers, texts and arrays by name.
    """

    def start(self, trainer: Trainer) -> None:
        """Before the first step."""

    def step(self, trainer: Trainer, number: int) -> None:
        """After every step; ``number`` counts from 1 over all epochs."""

    def epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """After every epoch; ``trainer.stop(why)`` makes it the last."""

    def end(self, trainer: Trainer) -> None:
        """After the last epoch."""

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        pass


def as_callbacks(given: Callback | Iterable[Callback]) -> tuple[Callback, ...]:
    """One callback, or several.

    Raises:
        ArgumentError: what is none.
    """
    several = isinstance(given, Iterable) and not isinstance(given, Callback)
    found: tuple[Any, ...] = tuple(given) if several else (given,)  # type: ignore[arg-type]
    for callback in found:
        if not isinstance(callback, Callback):
            raise ArgumentError(
                f"callbacks holds {callback!r}, which is no callback",
                fix="give objects of subclasses of graphdiff.train.Callback: callbacks=[EarlyStopping()]",
            )
    return found


class EarlyStopping(Callback):
    """Stop when the validation metric has not become better for some epochs, and bring back the weights with
    which it was best (L. Prechelt: Early stopping, but when?, 1998).

    Args:
        patience: so many epochs without a better value are waited for.
        metric: of the validation data; smaller is better for one that is called a loss or an error, and
            anything better than NaN.
        least: an improvement below this one is none.

    Attributes:
        best: the best value; best_epoch: its epoch.

    Raises:
        ArgumentError: a patience below 1; in training, no validation data or no such metric.
    """

    def __init__(self, patience: int = 5, metric: str = "loss", least: float = 0.0) -> None:
        check_integers(patience=patience)
        check_numbers(least=least)
        if patience < 1 or least < 0:
            raise ArgumentError(
                f"EarlyStopping(patience={patience}, least={least}) makes no sense",
                fix="give a patience of at least 1, and least ≥ 0",
            )
        self.patience, self.metric, self.least = patience, metric, least
        self.best, self.best_epoch = math.nan, 0
        self._weights: dict[str, np.ndarray[Any, Any]] = {}

    def start(self, trainer: Trainer) -> None:
        self.best, self.best_epoch, self._weights = math.nan, 0, {}

    def epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        if epoch.validation is None or self.metric not in epoch.validation:
            known = ", ".join(epoch.validation) if epoch.validation else "no validation data"
            raise ArgumentError(
                f"early stopping watches {self.metric!r}, there is {known}",
                fix="give fit(validation=…), and a metric that the trainer has",
            )
        value = epoch.validation[self.metric]
        if not self.best_epoch or cost(self.metric, self.best) - cost(self.metric, value) > self.least:
            self.best, self.best_epoch = value, epoch.number
            self._weights = trainer.model.state_dict()
        elif epoch.number - self.best_epoch >= self.patience:
            trainer.stop(f"validation {self.metric} was best in epoch {self.best_epoch}: {self.best:.4g}")

    def end(self, trainer: Trainer) -> None:
        if self._weights:
            trainer.model.load_state_dict(self._weights)

    def state(self) -> dict[str, Any]:
        weights = {f"weights/{name}": value for name, value in self._weights.items()}
        return {"best": self.best, "best_epoch": self.best_epoch, **weights}

    def load(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        found = {n.partition("/")[::2]: value for n, value in state.items()}
        self._weights = {name: value for (kind, name), value in found.items() if kind == "weights"}
