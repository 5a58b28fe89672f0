"""Random numbers, of two kinds.

What happens once and outside of graphs (initial values, the order of batches) comes from the generator that
:func:`seed` starts. What a graph draws (dropout, noise) comes from a **key**: a tensor of two int64, an
operand like any other. A key gives the same numbers whenever and wherever it is used, so new numbers need a
new key::

    one, two = gd.random.split(gd.random.key(0))
    noise = gd.random.normal(one, x.shape)
    kept = gd.random.bernoulli(two, 0.9, x.shape)

A :class:`Stream` is state that gives a new key each time it is asked, in a compiled step as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff import ops
from graphdiff.arguments import check_integers, shown
from graphdiff.cell import Cell
from graphdiff.context import no_grad
from graphdiff.errors import ArgumentError
from graphdiff.leaf import leaf
from graphdiff.module import Module
from graphdiff.ops.common import located
from graphdiff.ops.random import bernoulli, bits, fold_in, normal, permutation, randint, uniform
from graphdiff.philox import signed
from graphdiff.tensor import Tensor

__all__ = [
    "Stream",
    "bernoulli",
    "bits",
    "fold_in",
    "generator",
    "key",
    "normal",
    "permutation",
    "randint",
    "seed",
    "split",
    "uniform",
]

_generator = np.random.default_rng()


def seed(value: int) -> None:
    """Start the random numbers anew, so that what follows comes out the same every time.

    Raises:
        ArgumentError: a seed that is no integer from 0 to 2¹²⁸ − 1.
    """
    global _generator
    _words(value)
    _generator = np.random.default_rng(value)


def generator(seed: int | None = None) -> np.random.Generator:
    """A generator of its own for a seed, or the shared one.

    Raises:
        ArgumentError: a seed that is no integer from 0 to 2¹²⁸ − 1.
    """
    if seed is None:
        return _generator
    _words(seed)
    return np.random.default_rng(seed)


def key(seed: int) -> Tensor:
    """The key of a seed from 0 to 2¹²⁸ − 1: int64[2].

    Raises:
        ArgumentError: no such integer.
    """
    return leaf(_words(seed), "int64")


def _words(seed: int) -> list[int]:
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 1 << 128:
        raise ArgumentError(f"{shown(seed)} is no seed", fix="give an integer from 0 to 2¹²⁸ − 1")
    return [signed(int(seed) % (1 << 64)), signed(int(seed) >> 64)]


def split(key: Any, n: int = 2) -> Tensor:
    """``n`` new keys, int64[n, 2]; row i is ``fold_in(key, i)``.

    Raises:
        ShapeError, DTypeError: what is no key. ArgumentError: a negative number of keys.
    """
    check_integers(n=n)
    if n < 0:
        raise located(ArgumentError(f"{n} keys", fix="give at least 0"), "random.split")
    return fold_in(key, ops.arange(n))


class Stream(Module):
    """A source of keys: each call of :meth:`next` gives one that was not there before.

    Its place is state like a running mean: a compiled step reads and advances it, and a state dict that holds
    it resumes the same numbers. A state dict without it leaves it as it is. Of several processes that train
    together, each is given keys of its own.

    Args:
        seed: 0 … 2¹²⁸ − 1; by default drawn from the shared generator, so that :func:`seed` decides.

    Attributes:
        base: the key that all keys are derived from, int64[2].
        count: how many were given, int64.

    Raises:
        ArgumentError: no such seed.
    """

    optional_state = True

    def __init__(self, seed: int | None = None) -> None:
        limits = np.iinfo(np.int64)
        drawn = generator().integers(limits.min, limits.max, 2) if seed is None else _words(seed)
        self.base = Cell(drawn, "int64")
        self.count = Cell(0, "int64")

    def next(self) -> Tensor:
        """A new key."""
        with no_grad():
            made = fold_in(self.base, self.count)
            self.count.assign(self.count + 1)
            processes = self.base.backend.processes
            return made if processes.size == 1 else fold_in(made, processes.rank)
