"""The training loop: mini-batches through one compiled step, a progress bar, and a record of how it went."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphdiff import ops
from graphdiff.backend import current_backend
from graphdiff.cell import Cell
from graphdiff.compile import compile
from graphdiff.errors import ArgumentError, NonFiniteError
from graphdiff.module import Module
from graphdiff.tensor import Tensor, tensor
from graphdiff.train.data import Arrays, batches
from graphdiff.train.optimizer import Optimizer

if TYPE_CHECKING:
    from rich.progress import Progress

_STEPS_ON_DEVICES = 20
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

    losses: list[float] = field(default_factory=list, repr=False)
    epochs: list[Epoch] = field(default_factory=list)


class Trainer:
    """Trains a model that turns inputs into class scores.

    Args:
        model: called with a batch of inputs.
        loss: ``loss(scores, labels)`` gives the mean loss of a batch.
        optimizer: changes the model's parameters.
        penalty: ``penalty(model)`` is added to the loss that is descended (regularisation), not to the
            loss that is reported.
        check_every: after how many steps losses are fetched and checked. On a GPU fetching waits until the
            device is done, so steps in between only queue work. By default 1 on the CPU and 20 elsewhere.

    Raises:
        ArgumentError: ``check_every`` below 1.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        penalty: Callable[[Module], Tensor] | None = None,
        check_every: int | None = None,
    ) -> None:
        if check_every is not None and check_every < 1:
            raise ArgumentError(f"check_every={check_every} never checks", fix="give at least 1")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.penalty = penalty
        self.check_every = check_every
        self._step = compile(self._update)
        self._measure = compile(self._forward)

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
            NonFiniteError: the loss became NaN or infinite, at the step that the message names; all state is
                as it was after the last check before it, which is before that step where every step is
                checked.
            ArgumentError, ShapeError: data that make no batches.
        """
        if epochs < 1:
            raise ArgumentError(f"{epochs} epochs train nothing", fix="give at least 1")
        rng, history = np.random.default_rng(seed), History()
        total = epochs * math.ceil(len(train[0]) / max(1, batch_size))
        with _bar(progress) as bar:
            task = bar.add_task("training", total=total)
            for number in range(1, epochs + 1):
                self.model.train()
                sums, seen = np.zeros(2), 0
                for steps in self._checked(batches(Arrays(*train), batch_size, rng), number, history):
                    for metrics, count in steps:
                        seen += count
                        sums += np.array(metrics) * count
                    bar.update(task, advance=len(steps), description=_caption(number, epochs, sums / seen))
                measured = None if validation is None else self.evaluate(validation)
                history.epochs.append(Epoch(number, Metrics(*(sums / seen).tolist()), measured))
        return history

    def _checked(
        self, given: Iterable[Arrays], epoch: int, history: History
    ) -> Iterator[list[tuple[Metrics, int]]]:
        """Train on batches; every few steps, their metrics and numbers of examples."""
        every = self.check_every or (1 if current_backend().device == "cpu" else _STEPS_ON_DEVICES)
        for some in _in_groups(given, every):
            before = [(cell, cell.data) for cell in self._cells()]  # a step gives new arrays, so this is free
            steps = [(self._step(tensor(b.inputs), tensor(b.labels)), len(b.labels)) for b in some]
            fetched = []
            for (objective, loss, hits), count in steps:
                if not math.isfinite(objective.item()):
                    self._restore(before)
                    raise NonFiniteError(
                        f"the loss is {objective.item()} in epoch {epoch}, step {len(history.losses) + 1}",
                        fix="lower the learning rate, or look for NaN and infinity in the data",
                    )
                history.losses.append(float(loss.item()))
                fetched.append((Metrics(history.losses[-1], hits.item() / count), count))
            yield fetched

    def _restore(self, before: Sequence[tuple[Cell, Any]]) -> None:
        for cell, data in before:
            cell.data = data
        known = {id(cell) for cell, _ in before}
        for path, parameter in self.model.named_parameters():
            for kind, cell in self.optimizer.state.get(path, {}).items():
                if id(cell) not in known:  # made since
                    cell.assign(self.optimizer.initial(parameter)[kind])

    def _cells(self) -> Iterator[Cell]:
        yield from (cell for _, cell in self.model.named_cells())
        for state in self.optimizer.state.values():
            yield from state.values()

    def _update(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One training step: what is descended, the loss, and the number of right answers."""
        hits, loss = self._forward(inputs, labels)
        objective = loss if self.penalty is None else loss + self.penalty(self.model)
        self.optimizer.step(self.model, objective.backward(wrt=self.model.parameters()))
        return objective, loss, hits

    def _forward(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.model(inputs)
        hits = ops.sum(ops.equal(ops.argmax(scores, -1), labels))
        return hits, self.loss(scores, labels)

    def evaluate(self, data: Arrays, *, batch_size: int = 256) -> Metrics:
        """Mean loss and accuracy, in evaluation mode, without training."""
        sums, seen = np.zeros(2), 0
        mode = self.model.training
        self.model.eval()
        try:
            for batch in batches(Arrays(*data), batch_size):
                hits, loss = self._measure(tensor(batch.inputs), tensor(batch.labels))
                count = len(batch.labels)
                sums += np.array([loss.item(), hits.item() / count]) * count
                seen += count
        finally:
            self.model.train(mode)
        return Metrics(*(sums / seen).tolist())


def _in_groups(items: Iterable[Arrays], size: int) -> Iterator[list[Arrays]]:
    supply = iter(items)
    while group := list(islice(supply, size)):
        yield group


def _bar(shown: bool) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, disable=not shown)


def _caption(epoch: int, epochs: int, means: Any) -> str:
    return f"epoch {epoch}/{epochs}  loss {means[0]:.4f}  accuracy {means[1]:.3f}"
