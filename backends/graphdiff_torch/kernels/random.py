"""Random numbers in torch: on the host NumPy's Philox makes the words, in memory that torch shares; elsewhere
they are computed where the key lives, in integer arithmetic that does not wait for the host."""

from __future__ import annotations

from typing import Any

import torch

from graphdiff.kernels import Kernels
from graphdiff.philox import host_keys, host_words, random_kernels
from graphdiff_torch.kernels.elementwise import NAMESPACE

Array = Any


def _host_words(key: torch.Tensor, count: int) -> torch.Tensor:
    return torch.from_numpy(host_words(key.numpy(), count))


def _host_keys(key: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(host_keys(key.numpy(), data.numpy()))


# Opaque to whoever captures a graph, who would look for the values of a tensor that has none.
_words: Any = torch.library.custom_op("graphdiff::host_words", _host_words, mutates_args=())
_keys: Any = torch.library.custom_op("graphdiff::host_keys", _host_keys, mutates_args=())
_words.register_fake(lambda key, count: key.new_empty(count))
_keys.register_fake(lambda key, data: key.new_empty((*data.shape, 2)))


def _halved(words: Array) -> Array:
    return words.view(torch.int32) if words.numel() else words.to(torch.int32)  # no strides, no view


COMPUTED = random_kernels(NAMESPACE, halved=_halved)
_ON_HOST = random_kernels(NAMESPACE, _words, _keys, _halved)


def _where_the_key_is(name: str) -> Any:
    computed, on_host = COMPUTED[name], _ON_HOST[name]

    def run(key: Array, *arrays: Array, **params: Any) -> Array:
        return (on_host if key.device.type == "cpu" else computed)(key, *arrays, **params)

    return run


RANDOM: Kernels = {name: _where_the_key_is(name) for name in COMPUTED}


def _dropout(x: Array, key: Array, p: float) -> Array:
    return torch.mul(x, RANDOM["random_bernoulli"](key, x.shape, 1 - p)).mul_(1 / (1 - p))


RANDOM["dropout"] = _dropout
