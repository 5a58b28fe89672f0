"""One run of the training loop: epochs of batches, what is fetched and kept, and how it is resumed."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.arguments import check_choice, check_flags, check_functions, check_integers, check_kind
from graphdiff.cell import Cell
from graphdiff.diagnose import diagnose
from graphdiff.errors import ArgumentError, GraphdiffError, NonFiniteError, StateError
from graphdiff.leaf import tensor
from graphdiff.module import Parameter
from graphdiff.tensor import Tensor
from graphdiff.train.bar import Bar
from graphdiff.train.callbacks import Callback
from graphdiff.train.checkpoint import Checkpoints
from graphdiff.train.history import Epoch, History, Means
from graphdiff.train.identity import check_same, identity
from graphdiff.train.parallel import agree, any_of, check_alike, check_told, is_own, meet
from graphdiff.train.sources import Share, is_pair, prefetch, shares
from graphdiff.train.trainer import in_one

if TYPE_CHECKING:
    from graphdiff.train.schedule import Schedule
    from graphdiff.train.trainer import Trainer
    from graphdiff.train.transform import Transform

_FETCH_ELSEWHERE = 20  # steps between two looks at a device that is not the host


@dataclass(frozen=True)
class Settings:
    """How :meth:`Trainer.fit` was called."""

    epochs: int
    batch_size: int
    seed: int
    transform: Transform | None
    schedule: Schedule | None
    schedule_by: str
    callbacks: tuple[Callback, ...]
    checkpoints: Checkpoints | None
    fetch_every: int | None
    keep_going: bool

    def __post_init__(self) -> None:
        check_integers(epochs=self.epochs, batch_size=self.batch_size, seed=self.seed)
        if self.fetch_every is not None:
            check_integers(fetch_every=self.fetch_every)
        if self.transform is not None:
            check_functions(transform=self.transform)
        if self.checkpoints is not None:
            check_kind("checkpoints", self.checkpoints, Checkpoints, "give checkpoints=Checkpoints(folder)")
        if self.epochs < 1:
            raise ArgumentError(f"{self.epochs} epochs train nothing", fix="give at least 1")
        if self.seed < 0:
            raise ArgumentError(f"seed={self.seed}", fix="give an integer of at least 0")
        if self.fetch_every is not None and self.fetch_every < 1:
            raise ArgumentError(f"fetch_every={self.fetch_every}", fix="give at least 1")
        check_choice("schedule_by", self.schedule_by, ("epoch", "step"))
        check_flags(keep_going=self.keep_going)


class Loop:
    """A run: where it stands, and all that it does from there."""

    def __init__(self, trainer: Trainer, train: Any, validation: Any, settings: Settings) -> None:
        self.trainer, self.train, self.validation, self.settings = trainer, train, validation, settings
        self.history = History()
        self.epoch, self.done = 1, 0  # the epoch under way, and its steps that are done
        self.means = Means(("loss", *trainer.metrics))
        self.processes = trainer.processes
        device = trainer.trained()[0].backend.device
        self.fetch_every = settings.fetch_every or (1 if device == "cpu" else _FETCH_ELSEWHERE)
        self._pending: list[tuple[Share, Tensor]] = []
        self._before: list[tuple[Cell, Any]] = []

    def run(self, *, resume: bool, progress: bool) -> History:
        """Train to the end of the last epoch, or until a callback stops it."""
        callbacks, kept = self.settings.callbacks, self.settings.checkpoints
        resume = resume or (kept is not None and is_own(kept, self.trainer.home))
        if resume and kept is None:
            raise ArgumentError("nothing to resume from", fix="give checkpoints=Checkpoints(folder)")
        if kept is not None and kept.there and not resume:
            raise StateError(
                f"{kept.folder} holds the checkpoint of an older run, which this one would overwrite",
                fix="go on with it (resume=True), or give another folder",
            )
        for callback in callbacks:
            callback.start(self.trainer)
        if kept is not None and kept.there:
            self._resume(*kept.read())
        if self.processes.size > 1:
            check_alike(self.trainer.model, self.trainer.home)
            agree(self.trainer.replicated())
        with Bar(progress and self.processes.first, self.settings.epochs, self._steps()) as bar:
            bar.skip(len(self.history.losses))
            while self.epoch <= self.settings.epochs and not self.trainer.stopped:
                self._pass(bar)
        for callback in callbacks:
            callback.end(self.trainer)
        self.history.stopped = self.trainer.stopped
        if kept is not None and self.processes.size > 1:
            meet(self.trainer.home)  # none goes on before the last checkpoint is written
        return self.history

    def _steps(self) -> int | None:
        """In one epoch, where that is known."""
        if is_pair(self.train):
            return math.ceil(len(self.train[0]) / max(1, self.settings.batch_size))
        return len(self.train) if hasattr(self.train, "__len__") else None

    def _batches(self) -> Iterator[Share]:
        s = self.settings
        made = shares(
            self.train,
            s.batch_size,
            self.processes,
            shuffle=True,
            transform=s.transform,
            seed=s.seed,
            epoch=self.epoch,
        )
        ready = is_pair(self.train) and s.transform is None
        return itertools.islice(made if ready else prefetch(made), self.done, None)

    def _pass(self, bar: Bar) -> None:
        """The rest of the epoch under way."""
        start, kept = time.perf_counter(), self.settings.checkpoints
        self.trainer.model.train()
        if self.settings.schedule_by == "epoch" and not self.done:
            self._schedule(self.epoch - 1, self._watched())
        for share in self._batches():
            self._take(share)
            bar.advance(self.epoch, self.means, self.trainer.optimizer.lr, share.examples)
            if kept and kept.every and len(self.history.rates) % kept.every == 0:
                self._fetch()
                self._keep(kept)
        self._fetch()
        if self.processes.size > 1:  # running statistics may be of each one's examples
            agree(cell for _, cell in self.trainer.model.named_cells() if not isinstance(cell, Parameter))
        measured = None if self.validation is None else self.trainer.evaluate(self.validation)
        seconds = time.perf_counter() - start
        rate = self.history.rates[-1]
        epoch = Epoch(self.epoch, self.means.metrics(), measured, rate, seconds)
        self.history.epochs.append(epoch)
        self.epoch, self.done, self.means = self.epoch + 1, 0, Means(self.means.names)
        for callback in self.settings.callbacks:
            callback.epoch(self.trainer, epoch)
        if self.processes.size > 1:
            self._stop_together()
        if kept:
            self._keep(kept)

    def _stop_together(self) -> None:
        """What stops one process, such as a clock, stops all."""
        if any_of(bool(self.trainer.stopped), self.trainer.home) and not self.trainer.stopped:
            self.trainer.stop("another process stopped")

    def _watched(self) -> float | None:
        """The loss that a schedule may watch."""
        if not self.history.epochs:
            return None
        last = self.history.epochs[-1]
        return (last.validation or last.train)["loss"]

    def _schedule(self, n: int, metric: float | None = None) -> None:
        if self.settings.schedule is not None:
            self.trainer.optimizer.lr = self.settings.schedule(n, metric)

    # Steps, and what is fetched of them

    def _take(self, share: Share) -> None:
        if not self._pending:
            # Held, the old arrays stay as they are; torch then copies what it would write over.
            self._before = [(cell, cell.data) for cell in self.trainer.cells()]
        if self.settings.schedule_by == "step":
            self._schedule(len(self.history.rates), None if self.done else self._watched())
        self._pending.append((share, self._step(share)))
        self.history.rates.append(self.trainer.optimizer.lr)
        self.done += 1
        if len(self._pending) >= self.fetch_every:
            self._fetch()
        for callback in self.settings.callbacks:
            callback.step(self.trainer, len(self.history.rates))

    def _step(self, share: Share) -> Tensor:
        inputs, labels = map(tensor, share.batch)
        if self.processes.size == 1:
            return self.trainer.step(inputs, labels)
        told = tensor([share.weight, share.digest], "float64")
        return self.trainer.step(inputs, labels, told, whole=share.examples < self.processes.size)

    def _fetch(self) -> None:
        """Take in the values of the pending steps.

        Raises:
            NonFiniteError: one of them went bad. ArgumentError: other processes saw other batches.
        """
        if not self._pending:
            return
        values = in_one([v for _, v in self._pending])
        if self.processes.size > 1:
            check_told([s.digest for s, _ in self._pending], values[:, -1], self.processes)
            values = values[:, :-1]
        bad = np.flatnonzero(~np.isfinite(values[:, :2]).all(axis=1))
        if bad.size and not self.settings.keep_going:
            self._fail(int(bad[0]), *values[bad[0], :2].tolist())
        for (share, _), (_, norm, *measured) in zip(self._pending, values.tolist(), strict=True):
            self.history.losses.append(measured[0])
            self.history.gradient_norms.append(norm)
            self.means.add(measured, share.examples)
        self._pending = []

    def _fail(self, bad: int, objective: float, norm: float) -> None:
        """Go back to before the bad step, and say where it went wrong."""
        self._put_back()
        for share, _ in self._pending[:bad]:
            self._step(share)
        batch = self._pending[bad][0].batch
        inputs, labels = tensor(batch.inputs, name="inputs"), tensor(batch.labels, name="labels")
        report = diagnose(self.trainer, inputs, labels)
        step = len(self.history.losses) + bad + 1
        what = f"norm of the gradient is {norm}" if math.isfinite(objective) else f"loss is {objective}"
        raise NonFiniteError(
            f"the {what} in epoch {self.epoch}, step {step}" + (f"; {report.first}" if report.first else ""),
            fix="lower the learning rate, clip the gradient, or look for NaN and infinity in the data",
            report=report,
        )

    def _put_back(self) -> None:
        for cell, data in self._before:
            cell.data = data
        known = {cell.id for cell, _ in self._before}
        optimizer = self.trainer.optimizer
        for path, parameter in self.trainer.model.named_parameters():
            cells = optimizer.state.get(path, {})
            for kind, start in optimizer.initial(parameter).items():
                if kind in cells and cells[kind].id not in known:  # made in the first step
                    cells[kind].assign(start)

    # What is kept

    def _identity(self) -> dict[str, str]:
        s = self.settings
        callbacks = [type(callback).__name__ for callback in s.callbacks]
        return identity(self.trainer, self.train, seed=s.seed, batch_size=s.batch_size, callbacks=callbacks)

    def _keep(self, kept: Checkpoints) -> None:
        arrays: dict[str, Any] = {f"model/{n}": v for n, v in self.trainer.model.state_dict().items()}
        arrays |= {f"optimizer/{n}": v for n, v in self.trainer.optimizer.state_dict().items()}
        remembered = []
        for k, callback in enumerate(self.settings.callbacks):
            state = callback.state()
            large = {n: v for n, v in state.items() if isinstance(v, (np.ndarray, np.generic))}
            arrays |= {f"callback{k}/{n}": v for n, v in large.items()}
            remembered.append({n: v for n, v in state.items() if n not in large})
        facts = {
            "settings": self._identity(),
            "epoch": self.epoch,
            "done": self.done,
            "sums": self.means.sums,
            "seen": self.means.seen,
            "lr": self.trainer.optimizer.lr,
            "stopped": self.trainer.stopped,
            "schedule": self.settings.schedule.state_dict() if self.settings.schedule else {},
            "callbacks": remembered,
            "history": self.history.as_dict(),
        }
        if self.processes.first:
            kept.write(self.epoch, len(self.history.rates), arrays, facts)

    def _resume(self, arrays: dict[str, Any], facts: dict[str, Any]) -> None:
        """
        Raises:
            StateError: a checkpoint of another run, or one that a run did not write.
        """
        try:
            self._restore(arrays, facts)
        except GraphdiffError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as problem:
            raise _damaged(f"{type(problem).__name__} {problem}") from problem

    def _restore(self, arrays: dict[str, Any], facts: dict[str, Any]) -> None:
        check_same(_fact(facts, "settings", dict), self._identity())
        lr, stopped = _fact(facts, "lr", float), _fact(facts, "stopped", str)
        epoch, done = _fact(facts, "epoch", int), _fact(facts, "done", int)
        sums, seen = [float(total) for total in _fact(facts, "sums", list)], _fact(facts, "seen", float)
        history = History.from_dict(_fact(facts, "history", dict))
        if epoch < 1 or not 0 <= done <= len(history.rates) or len(sums) != len(self.means.names):
            raise _damaged(f"epoch {epoch}, {done} steps of it done, {len(sums)} means")
        schedule, callbacks = _fact(facts, "schedule", dict), _fact(facts, "callbacks", list)
        parts: dict[str, dict[str, Any]] = {}
        for name, value in arrays.items():
            part, _, inner = name.partition("/")
            parts.setdefault(part, {})[inner] = value
        self.trainer.model.load_state_dict(parts.get("model", {}))
        self.trainer.optimizer.load_state_dict(parts.get("optimizer", {}))
        self.trainer.optimizer.lr = lr
        if self.settings.schedule is not None:
            self.settings.schedule.load_state_dict(schedule)
        for k, (callback, state) in enumerate(zip(self.settings.callbacks, callbacks, strict=True)):
            callback.load(state | parts.get(f"callback{k}", {}))
        self.epoch, self.done = epoch, done
        self.means.sums, self.means.seen = sums, seen
        self.history = history
        if stopped:
            self.trainer.stop(stopped)


def _fact(facts: dict[str, Any], name: str, kind: type) -> Any:
    """What a checkpoint says; asked for before anything is changed.

    Raises:
        StateError: nothing, or something else than it was written with.
    """
    if not isinstance(facts.get(name), (int, float) if kind is float else kind):
        raise _damaged(f"its {name} is {facts.get(name)!r}, no {kind.__name__}")
    return facts[name]


def _damaged(what: str) -> StateError:
    return StateError(f"the checkpoint is damaged: {what}", fix="remove it and train anew")
