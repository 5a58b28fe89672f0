"""Logging to TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphdiff.arguments import path_of
from graphdiff.errors import ArgumentError
from graphdiff.train.callbacks import Callback
from graphdiff.train.history import Epoch

if TYPE_CHECKING:
    from graphdiff.train.trainer import Trainer


class TensorBoard(Callback):
    """Writes loss, metrics and learning rate of every epoch as event files, through tensorboardX; of several
    processes the first one does.

    Args:
        folder: where the event files go; ``tensorboard --logdir FOLDER`` shows them.

    Raises:
        ArgumentError: tensorboardX is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError:
            raise ArgumentError(
                "tensorboardX is not installed", fix='pip install "graphdiff[tensorboard]"'
            ) from None
        where = str(path_of(folder))
        self._open: Any = lambda: SummaryWriter(where)
        self._writer: Any = None

    def start(self, trainer: Trainer) -> None:
        self._writer = self._open() if trainer.processes.first else None

    def epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        if self._writer is None:
            return
        for part, metrics in (("train", epoch.train), ("validation", epoch.validation)):
            for name, value in (metrics or {}).items():
                self._writer.add_scalar(f"{name}/{part}", value, epoch.number)
        self._writer.add_scalar("learning_rate", epoch.rate, epoch.number)

    def end(self, trainer: Trainer) -> None:
        if self._writer is not None:
            self._writer.close()
