"""Checkpoints: all that a training run needs to go on as if it had never stopped, to the last bit.

A folder holds ``checkpoint.json`` and the safetensors file that it names. The arrays are written first, under
a new name, and count from the moment at which the JSON file that names them takes the place of the old one;
so whenever the process ends, the folder holds one whole checkpoint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.arguments import check_integers, path_of
from graphdiff.errors import ArgumentError, StateError
from graphdiff.interop.state_files import load_state, save_state, write_whole

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
        except OSError as problem:
            raise StateError(
                f"the folder {folder} cannot be made: {problem.strerror}", fix="give another one"
            ) from None

    @property
    def there(self) -> bool:
        """Whether the folder holds a checkpoint."""
        return os.path.lexists(self.folder / INDEX)

    def write(self, number: int, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Keep the state after step ``number``; the one before is removed afterwards."""
        name = f"step-{number:08d}.safetensors"
        save_state(self.folder / name, arrays)
        text = json.dumps({"format": FORMAT, "arrays": name, **facts})
        write_whole(self.folder / INDEX, text.encode())
        for old in self.folder.glob("step-*.safetensors"):
            if old.name != name:
                old.unlink(missing_ok=True)

    def read(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
        """The arrays and the facts that were written last.

        Raises:
            StateError: no checkpoint, or a damaged one.
        """
        path = self.folder / INDEX
        if not self.there:
            raise StateError(f"there is no checkpoint in {self.folder}", fix="train without resume")
        try:
            if not os.path.isfile(path) or path.stat().st_size > _MOST_FACTS:
                raise ValueError(f"not a regular file of at most {_MOST_FACTS:,} bytes")
            facts = json.loads(path.read_text(encoding="utf-8"))
            name = facts["arrays"]
            if facts["format"] != FORMAT or Path(name).name != name:
                raise ValueError(f"format {facts['format']} is not {FORMAT}")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
            raise StateError(f"{path} is damaged: {problem}", fix="remove it and train anew") from None
        return load_state(self.folder / name), facts
