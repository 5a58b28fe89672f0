"""Checkpoints: all that a training run needs to go on as if it had never stopped, to the last bit.

A folder holds ``checkpoint.json`` and the safetensors file that it names. The arrays are written first, under
a new name, and count from the moment at which the JSON file that names them takes the place of the old one;
so whenever the process ends, the folder holds one whole checkpoint. What a process that was killed left half
written goes with the next one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.arguments import check_integers, path_of, shown
from graphdiff.errors import ArgumentError, StateError
from graphdiff.interop.state_files import drop_unfinished, load_state, save_state, write_whole
from graphdiff.processes import launch, restarts

FORMAT = 2
INDEX = "checkpoint.json"
_MOST_FACTS = 1 << 30  # bytes; a step adds some 60


class Checkpoints:
    """Where and how often a run is kept.

    Args:
        folder: made if it is not there.
        every: steps from one checkpoint to the next; there is always one after each epoch.

    Raises:
        ArgumentError: fewer than one step. StateError: the folder cannot be made.
    """

    def __init__(self, folder: str | Path, every: int | None = None) -> None:
        if every is not None:
            check_integers(every=every)
        if every is not None and every < 1:
            raise ArgumentError(f"a checkpoint every {every} steps", fix="give at least 1, or None")
        self.folder = path_of(folder)
        self.every = every
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as problem:  # a name with a null character, or of no encoding
            raise StateError(
                f"the folder {shown(str(folder))} cannot be made: {getattr(problem, 'strerror', problem)}",
                fix="give another one",
            ) from None

    @property
    def there(self) -> bool:
        """Whether the folder holds a checkpoint."""
        return os.path.lexists(self.folder / INDEX)

    def write(self, epoch: int, step: int, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Keep the state after a step, with an epoch under way; the one before is removed afterwards.

        The end of an epoch changes things after its last step, so the two together make a name that is new.

        Raises:
            StateError: what has no form in a file, or a folder that cannot be written to.
        """
        name = f"step-{step:08d}-epoch-{epoch:04d}.safetensors"
        try:
            text = json.dumps({"format": FORMAT, "arrays": name, "launch": launch(), **facts})
        except (TypeError, ValueError) as problem:
            raise StateError(
                f"a checkpoint cannot hold what is to be kept: {problem}",
                fix="have the state() of callbacks and schedules give numbers, texts and arrays",
            ) from None
        save_state(self.folder / name, arrays)
        write_whole(self.folder / INDEX, text.encode())
        for old in self.folder.glob("step-*.safetensors"):
            if old.name != name:
                old.unlink(missing_ok=True)
        for pattern in ("step-*.safetensors", INDEX):
            drop_unfinished(self.folder, pattern)

    @property
    def own(self) -> bool:
        """Whether the launcher started this process anew, and one before it wrote the checkpoint."""
        return restarts() > 0 and self.there and self._facts().get("launch") == launch()

    def read(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
        """The arrays and the facts that were written last.

        Raises:
            StateError: no checkpoint, or a damaged one.
        """
        facts = self._facts()
        return load_state(self.folder / facts["arrays"]), facts

    def _facts(self) -> dict[str, Any]:
        path = self.folder / INDEX
        if not self.there:
            raise StateError(f"there is no checkpoint in {self.folder}", fix="train without resume")
        try:
            if not os.path.isfile(path) or path.stat().st_size > _MOST_FACTS:
                raise ValueError(f"not a regular file of at most {_MOST_FACTS:,} bytes")
            facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            name = facts["arrays"]
            if facts["format"] != FORMAT or Path(name).name != name:
                raise ValueError(f"format {facts['format']} is not {FORMAT}")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
            raise StateError(f"{path} is damaged: {problem}", fix="remove it and train anew") from None
        return facts
