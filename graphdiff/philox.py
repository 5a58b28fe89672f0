"""Random numbers as a function of a key: Philox4x64-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random
numbers: as easy as 1, 2, 3"), and the kernels made of it.

Word i of a key's stream is word i mod 4 of the block that counter (i div 4, 0, 0, 0) gives; keys derived from
it are blocks of counters (n, 0, 0, 1), so that no draw and no derivation share a block. The same key gives
the same bits on every backend. The arithmetic here is that of int64 with wrap-around, in operators that
every array library has. NumPy makes the same words in C, for arrays on the host.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphdiff.kernels import Kernels

Array = Any
Words = Callable[[Array, int], Array]
Keys = Callable[[Array, Array], Array]
_ROUNDS = 10
_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_BUMPS = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
_HALF = 0xFFFFFFFF
DIGITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}
"""Bits that a uniform number of a dtype is made of: as many as the dtype holds exactly."""


def signed(word: int) -> int:
    """The int64 of the same 64 bits."""
    return (word + (1 << 63)) % (1 << 64) - (1 << 63)


def philox(counter: tuple[Array, Array, Array, Array], key: tuple[Array, Array]) -> tuple[Array, ...]:
    """Four int64 arrays of 64 random bits each, from four and two that broadcast together."""
    a, b, c, d = counter
    for left, right in _keys(*key):
        high_a, low_a = _product(a, _MULTIPLIERS[0])
        high_c, low_c = _product(c, _MULTIPLIERS[1])
        a, b, c, d = high_c ^ b ^ left, low_c, high_a ^ d ^ right, low_a
    return a, b, c, d


def _keys(left: Array, right: Array) -> Iterator[tuple[Array, Array]]:
    for _ in range(_ROUNDS):
        yield left, right
        left, right = left + signed(_BUMPS[0]), right + signed(_BUMPS[1])


def _product(x: Array, factor: int) -> tuple[Array, Array]:
    """The upper and the lower 64 bits of an unsigned product, the upper ones from products of halves."""
    low, high = x & _HALF, _upper(x)
    factor_low, factor_high = factor & _HALF, factor >> 32
    middle = low * factor_high + _upper(low * factor_low)
    crossed = high * factor_low + (middle & _HALF)
    return high * factor_high + _upper(middle) + _upper(crossed), x * signed(factor)


def _upper(x: Array) -> Array:
    return (x >> 32) & _HALF


def numpys(key: Array, counter: int) -> np.random.Philox:
    """NumPy's generator, about to make the block of a counter of 256 bits."""
    before = (counter - 1) % (1 << 256)  # it counts on before it makes a block
    return np.random.Philox(key=np.asarray(key).astype(np.uint64), counter=before)


def host_words(key: Array, count: int) -> Array:
    """The first words of a key's stream, as int64."""
    return numpys(key, 0).random_raw(count).view(np.int64)


def host_keys(key: Array, data: Array) -> Array:
    """The keys derived from a key by each of some int64, of shape (*data.shape, 2)."""
    counters = (int(n) % (1 << 64) + (1 << 192) for n in np.ravel(data))
    made = [numpys(key, counter).random_raw(2) for counter in counters]
    return np.array(made, np.uint64).view(np.int64).reshape(*np.shape(data), 2)


def random_kernels(
    xp: Any,
    words: Words | None = None,
    keys: Keys | None = None,
    halved: Callable[[Array], Array] | None = None,
) -> Kernels:
    """Primitive name -> kernel, for the namespace of an array-API library.

    Args:
        words, keys: faster ways to what :func:`host_words` and :func:`host_keys` give; arithmetic in the
            namespace by default.
        halved: twice as many signed integers from words, the lower 32 bits of each before the upper ones.
    """

    def computed(key: Array, count: int) -> Array:
        first = xp.arange(-(-count // 4), dtype=xp.int64, device=key.device)
        zero = xp.zeros_like(first)
        return _interleaved(*philox((first, zero, zero, zero), (key[0:1], key[1:2])))[:count]

    def _interleaved(*parts: Array) -> Array:
        return xp.reshape(xp.concat([xp.reshape(x, (-1, 1)) for x in parts], axis=1), (-1,))

    words = words or computed
    halved = halved or (lambda x: _interleaved((x << 32) >> 32, x >> 32))

    def halves(key: Array, shape: tuple[int, ...]) -> Array:
        count = math.prod(shape)
        return xp.reshape(halved(words(key, -(-count // 2)))[:count], shape)

    def bits(key: Array, shape: tuple[int, ...]) -> Array:
        return xp.reshape(words(key, math.prod(shape)), shape)

    def uniform(key: Array, shape: tuple[int, ...], dtype: str) -> Array:
        digits = DIGITS[dtype]
        drawn = bits(key, shape) >> 11 if digits > 32 else halves(key, shape) >> (32 - digits)
        return xp.astype(drawn & ((1 << digits) - 1), getattr(xp, dtype)) * 2.0**-digits

    def bernoulli(key: Array, shape: tuple[int, ...], p: float) -> Array:
        drawn, limit = halves(key, shape), threshold(p)
        return drawn < limit if limit < 1 << 31 else xp.ones_like(drawn, dtype=xp.bool)

    def integers(key: Array, shape: tuple[int, ...], low: int, high: int) -> Array:
        drawn = xp.astype(halves(key, shape), xp.int64) & _HALF
        return _upper(drawn * (high - low)) + low

    def permutation(key: Array, n: int) -> Array:
        return xp.argsort(words(key, n), stable=True)

    def derived(key: Array, data: Array) -> Array:
        first = xp.reshape(data, (-1,))
        zero = xp.zeros_like(first)
        left, right, _, _ = philox((first, zero, zero, zero + 1), (key[0:1], key[1:2]))
        return xp.reshape(_interleaved(left, right), (*data.shape, 2))

    return {
        "random_bits": bits,
        "random_uniform": uniform,
        "random_bernoulli": bernoulli,
        "random_integers": integers,
        "random_permutation": permutation,
        "random_fold_in": keys or derived,
    }


def threshold(p: float) -> int:
    """A signed number of 32 random bits is below this with probability p, rounded to a multiple of 2⁻³²."""
    return round(p * (1 << 32)) - (1 << 31)
