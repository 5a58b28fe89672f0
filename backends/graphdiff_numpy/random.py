"""Random numbers in NumPy: its own Philox makes the words, in blocks that stay in cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff.kernels import Kernels
from graphdiff.philox import DIGITS, host_keys, numpys, random_kernels, threshold
from graphdiff_numpy import threads

Array = Any
_BLOCK = 1 << 14  # words; a multiple of the four that one counter gives
_COST = 64  # multiply-adds that one word takes as long as
_MANY = 32  # keys from which arithmetic on all at once pays


def stream(key: Array, count: int, use: Callable[[slice, Array], None]) -> None:
    """Hand ``count`` 32-bit numbers of a key's stream to ``use``, in blocks and with their places."""

    def part(start: int, stop: int) -> None:
        generator = numpys(key, start * _BLOCK // 4)
        for k in range(start, stop):
            place = slice(2 * _BLOCK * k, min(2 * _BLOCK * (k + 1), count))
            wanted = place.stop - place.start
            use(place, generator.random_raw(-(-wanted // 2)).view(np.int32)[:wanted])

    threads.shared(-(-count // (2 * _BLOCK)), part, count // 2 * _COST)


def _words(key: Array, count: int) -> Array:
    out = np.empty(2 * count, np.int32)
    stream(key, 2 * count, out.__setitem__)
    return out.view(np.int64)


def _keys(key: Array, data: Array) -> Array:
    return host_keys(key, data) if np.size(data) < _MANY else _COMPUTED["random_fold_in"](key, data)


_COMPUTED = random_kernels(np)
_SHARED = random_kernels(np, _words, _keys, lambda words: words.view(np.int32))


def _uniform(key: Array, shape: tuple[int, ...], dtype: str) -> Array:
    if dtype != "float32":
        return _SHARED["random_uniform"](key, shape, dtype)
    out, digits = np.empty(math.prod(shape), np.float32), DIGITS[dtype]

    def fill(place: slice, halves: Array) -> None:
        out[place] = halves.view(np.uint32) >> (32 - digits)
        out[place] *= np.float32(2.0**-digits)

    stream(key, out.size, fill)
    return out.reshape(shape)


def _bernoulli(key: Array, shape: tuple[int, ...], p: float) -> Array:
    out, limit = np.empty(math.prod(shape), np.bool), threshold(p)

    def fill(place: slice, halves: Array) -> None:
        np.less(halves, limit, out=out[place])

    stream(key, out.size, fill)
    return out.reshape(shape)


def _dropout(x: Array, key: Array, p: float) -> Array:
    given, limit, scale = x.reshape(-1), threshold(1 - p), x.dtype.type(1 / (1 - p))
    out = np.empty(x.size, x.dtype)

    def drop(place: slice, halves: Array) -> None:
        np.multiply(given[place], scale, out=out[place])
        np.multiply(out[place], halves < limit, out=out[place])

    stream(key, x.size, drop)
    return out.reshape(x.shape)


KERNELS: Kernels = {
    **_SHARED,
    "random_uniform": _uniform,
    "random_bernoulli": _bernoulli,
    "dropout": _dropout,
}
