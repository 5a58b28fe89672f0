"""Philox4x64-10 in Python's own integers, as the paper states it, and what every random primitive draws."""

import math

import numpy as np
import torch

WORD = 1 << 64


def philox(counter, key):
    """Four words of 64 bits from a counter of four and a key of two (Salmon et al. 2011, section 3.3)."""
    a, b, c, d = counter
    left, right = key
    for _ in range(10):
        one, two = a * 0xD2E7470EE14C6C93, c * 0xCA5A826395121157
        a, b, c, d = (two >> 64) ^ b ^ left, two % WORD, (one >> 64) ^ d ^ right, one % WORD
        left, right = (left + 0x9E3779B97F4A7C15) % WORD, (right + 0xBB67AE8584CAA73B) % WORD
    return a, b, c, d


def unsigned(key):
    return [int(k) % WORD for k in key]


def words(key, count):
    found = [w for n in range(-(-count // 4)) for w in philox((n, 0, 0, 0), unsigned(key))]
    return found[:count]


def halves(key, count):
    return [half for w in words(key, -(-count // 2)) for half in (w % (1 << 32), w >> 32)][:count]


def bits(key, shape):
    return np.array(words(key, math.prod(shape)), np.uint64).view(np.int64).reshape(shape)


def uniform(key, shape, dtype):
    count = math.prod(shape)
    drawn = words(key, count) if dtype == "float64" else halves(key, count)
    size, digits = (64, 53) if dtype == "float64" else (32, 24)
    return np.array([(n >> (size - digits)) / (1 << digits) for n in drawn], dtype).reshape(shape)


def bernoulli(key, shape, p):
    """The halves count as signed."""
    drawn = np.array(halves(key, math.prod(shape)), np.uint32).view(np.int32).astype(np.int64)
    return (drawn < round(p * (1 << 32)) - (1 << 31)).reshape(shape)


def integers(key, shape, low, high):
    drawn = [low + (n * (high - low) >> 32) for n in halves(key, math.prod(shape))]
    return np.array(drawn, np.int64).reshape(shape)


def permutation(key, n):
    return np.argsort(bits(key, (n,)), kind="stable")


def fold_in(key, data):
    made = [philox((int(n) % WORD, 0, 0, 1), unsigned(key))[:2] for n in np.ravel(data)]
    return np.array(made, np.uint64).view(np.int64).reshape(*data.shape, 2)


def normal(key, shape, dtype):
    count = math.prod(shape)
    pairs = -(-count // 2)
    u = uniform(key, (2, pairs), dtype).astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log(1 - u[0])), 2 * np.pi * u[1]
    drawn = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return drawn[:count].reshape(shape).astype(dtype)


NUMPY = {
    "random_bits": bits,
    "random_uniform": uniform,
    "random_bernoulli": bernoulli,
    "random_integers": integers,
    "random_permutation": permutation,
    "random_fold_in": fold_in,
    "random_normal": normal,
}


def _in_torch(reference):
    return lambda *xs, **params: torch.from_numpy(np.array(reference(*(x.numpy() for x in xs), **params)))


TORCH = {name: _in_torch(reference) for name, reference in NUMPY.items()}
