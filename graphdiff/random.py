"""The random numbers that initialise parameters, shuffle batches and split data, from one seed."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def seed(value: int) -> None:
    """Start the random numbers anew, so that what follows comes out the same every time."""
    global _generator
    _generator = np.random.default_rng(value)


def generator(seed: int | None = None) -> np.random.Generator:
    """A generator of its own for a seed, or the shared one."""
    return _generator if seed is None else np.random.default_rng(seed)
