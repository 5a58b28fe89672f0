"""The progress bar of a training run."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from graphdiff.train.history import Means


class Bar:
    """Epoch, loss, accuracy, learning rate, images a second and the time left.

    Args:
        shown: whether it is shown at all.
        epochs: in all. steps: in one epoch; ``None`` where that is not known.
    """

    def __init__(self, shown: bool, epochs: int, steps: int | None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, disable=not shown)
        self._task = self._progress.add_task("training", total=None if steps is None else epochs * steps)
        self._epochs = epochs
        self._since, self._images = time.perf_counter(), 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def skip(self, steps: int) -> None:
        """So many steps were done before."""
        if steps and not self._progress.disable:
            self._progress.console.print(f"goes on after step {steps:,}")
        self._progress.update(self._task, completed=steps)

    def advance(self, epoch: int, means: Means, rate: float, images: int) -> None:
        """One step more."""
        if self._progress.disable:
            return
        self._images += images
        speed = self._images / max(1e-9, time.perf_counter() - self._since)
        found = "  ".join(f"{name} {value:.4f}" for name, value in means.metrics().items())
        text = f"epoch {epoch}/{self._epochs}  {found}  rate {rate:.3g}  {speed:,.0f}/s"
        self._progress.update(self._task, advance=1, description=text)
