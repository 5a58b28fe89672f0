"""What a training run is of, in words that a checkpoint can hold: only the same run goes on from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import StateError
from graphdiff.train.sources import is_pair

if TYPE_CHECKING:
    from graphdiff.train.trainer import Trainer


def identity(trainer: Trainer, train: Any, **settings: Any) -> dict[str, str]:
    """Name -> words, of all that must be the same for a run to go on as if it had not been broken off.

    Functions are told apart by their names alone.

    Args:
        train: the training data; arrays are told apart by their shapes.
        settings: of the call of fit.
    """
    found = {
        "data": [np.shape(a) for a in train] if is_pair(train) else "batches",
        **settings,
        "loss": trainer.loss,
        "penalty": trainer.penalty,
        "metrics": list(trainer.metrics),
        **{f"optimizer's {name}": value for name, value in trainer.optimizer.options.items()},
    }
    return {name: described(value) for name, value in found.items()} | {"model": repr(trainer.model)}


def described(value: Any) -> str:
    """A value in words that are the same in every process: a function by its name."""
    if isinstance(value, Mapping):
        return ", ".join(f"{described(k)}={described(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(described, value))})"
    if isinstance(value, partial):
        return f"{described(value.func)}{described(value.args)} with {described(value.keywords)}"
    if callable(value):
        named = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        return str(named or type(value).__qualname__)
    return type(value).__qualname__ if " at 0x" in repr(value) else str(value)


def check_same(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse to go on with another run.

    Raises:
        StateError: says what is not as it was.
    """
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    if names:
        pairs = [_unlike(then.get(name, "none"), now.get(name, "none")) for name in names]
        old, new = (", ".join(f"{n} {p[k]}" for n, p in zip(names, pairs, strict=True)) for k in (0, 1))
        raise StateError(
            f"the checkpoint is of a run with {old}; this one has {new}",
            fix="train with the same settings, or start anew in another folder",
        )


def _unlike(then: str, now: str) -> tuple[str, str]:
    """The first lines that are not the same."""
    lines = zip((*then.splitlines(), "no more"), (*now.splitlines(), "no more"), strict=False)
    old, new = next((a, b) for a, b in lines if a != b)
    return old.strip(), new.strip()
