"""The training loop: mini-batches, epochs, a progress bar, and a record of how it went."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphdiff import context
from graphdiff.errors import ArgumentError, NonFiniteError
from graphdiff.module import Module
from graphdiff.tensor import Tensor, tensor
from graphdiff.train.data import Arrays, batches
from graphdiff.train.optimizer import Optimizer

if TYPE_CHECKING:
    from rich.progress import Progress

Loss = Callable[[Tensor, Tensor], Tensor]


class Metrics(NamedTuple):
    """Means over examples.

    Attributes:
        loss: of the loss function.
        accuracy: share of examples whose largest score is at their label.
    """

    loss: float
    accuracy: float


class Epoch(NamedTuple):
    """One pass over the training data.

    Attributes:
        number: from 1.
        train: measured on each batch before its update.
        validation: measured after the epoch, if validation data were given.
    """

    number: int
    train: Metrics
    validation: Metrics | None


@dataclass
class History:
    """What a training run went through.

    Attributes:
        losses: the loss of every batch, in order.
        epochs: the means of every epoch.
    """

    losses: list[float] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)


class Trainer:
    """Trains a model that turns inputs into class scores.

    Args:
        model: called with a batch of inputs.
        loss: ``loss(scores, labels)`` gives the mean loss of a batch.
        optimizer: changes the model's parameters.
        penalty: ``penalty(model)`` is added to the loss that is descended (regularisation), not to the
            loss that is reported.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        penalty: Callable[[Module], Tensor] | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.penalty = penalty

    def fit(
        self,
        train: Arrays,
        *,
        validation: Arrays | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        seed: int = 0,
        progress: bool = True,
    ) -> History:
        """Train for a number of epochs, batches shuffled from the seed.

        Raises:
            NonFiniteError: the loss became NaN or infinite; the parameters are those before that batch.
            ArgumentError, ShapeError: data that make no batches.
        """
        if epochs < 1:
            raise ArgumentError(f"{epochs} epochs train nothing", fix="give at least 1")
        rng, history = np.random.default_rng(seed), History()
        total = epochs * math.ceil(len(train[0]) / max(1, batch_size))
        with _bar(progress) as bar:
            task = bar.add_task("training", total=total)
            for number in range(1, epochs + 1):
                sums, seen = np.zeros(2), 0
                for batch in batches(Arrays(*train), batch_size, rng):
                    metrics = self._step(batch, number, len(history.losses))
                    history.losses.append(metrics.loss)
                    seen += len(batch.labels)
                    sums += np.array(metrics) * len(batch.labels)
                    bar.update(task, advance=1, description=_caption(number, epochs, sums / seen))
                measured = None if validation is None else self.evaluate(validation)
                history.epochs.append(Epoch(number, Metrics(*(sums / seen).tolist()), measured))
        return history

    def _step(self, batch: Arrays, epoch: int, step: int) -> Metrics:
        labels = tensor(batch.labels)
        scores = self.model(tensor(batch.inputs))
        loss = self.loss(scores, labels)
        objective = loss if self.penalty is None else loss + self.penalty(self.model)
        if not math.isfinite(objective.item()):
            raise NonFiniteError(
                f"the loss is {objective.item()} in epoch {epoch}, step {step + 1}",
                fix="lower the learning rate, or look for NaN and infinity in the data",
            )
        with context.no_grad():  # the backward pass is not going to be differentiated
            gradients = objective.backward(wrt=self.model.parameters())
        self.optimizer.step(self.model, gradients)
        return Metrics(float(loss.item()), _accuracy(scores, batch.labels))

    def evaluate(self, data: Arrays, *, batch_size: int = 256) -> Metrics:
        """Mean loss and accuracy, without training."""
        sums, seen = np.zeros(2), 0
        with context.no_grad():
            for batch in batches(Arrays(*data), batch_size):
                scores = self.model(tensor(batch.inputs))
                loss = self.loss(scores, tensor(batch.labels)).item()
                sums += np.array([loss, _accuracy(scores, batch.labels)]) * len(batch.labels)
                seen += len(batch.labels)
        return Metrics(*(sums / seen).tolist())


def _accuracy(scores: Tensor, labels: Any) -> float:
    return float(np.mean(scores.numpy().argmax(axis=-1) == labels))


def _bar(shown: bool) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, disable=not shown)


def _caption(epoch: int, epochs: int, means: Any) -> str:
    return f"epoch {epoch}/{epochs}  loss {means[0]:.4f}  accuracy {means[1]:.3f}"
