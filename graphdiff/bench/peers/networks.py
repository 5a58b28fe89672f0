"""The workloads' networks as functions, for peers whose models are functions of named weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from graphdiff.bench.workloads import UnavailableError

Array = Any


class Layers(ABC):
    """A peer's layers, on weights that carry the names of a state dict; images are NCHW."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights

    @abstractmethod
    def linear(self, name: str, x: Array) -> Array: ...
    @abstractmethod
    def relu(self, x: Array) -> Array: ...
    @abstractmethod
    def conv(self, name: str, x: Array, stride: int = 1, padding: int = 0) -> Array: ...
    @abstractmethod
    def max_pool(self, x: Array, window: int, stride: int, padding: int = 0) -> Array: ...

    def batch_norm(self, name: str, x: Array) -> Array:
        """Normalised by the batch's statistics, which move the running ones."""
        raise UnavailableError("has no batch normalisation here")

    def mean(self, x: Array) -> Array:
        """Over height and width."""
        return x.mean((2, 3))

    def flatten(self, x: Array) -> Array:
        return x.reshape(x.shape[0], -1)


Network = Callable[[Layers, Array], Array]


def _mlp(net: Layers, x: Array) -> Array:
    return net.linear("4", net.relu(net.linear("2", net.relu(net.linear("0", x)))))


def _lenet5(net: Layers, x: Array) -> Array:
    x = net.max_pool(net.relu(net.conv("features.0", x, padding=2)), 2, 2)
    x = net.flatten(net.max_pool(net.relu(net.conv("features.3", x)), 2, 2))
    x = net.relu(net.linear("classifier.3", net.relu(net.linear("classifier.1", x))))
    return net.linear("classifier.5", x)


def _small_vgg(net: Layers, x: Array) -> Array:
    for first in (0, 5, 10):
        for layer in (first, first + 2):
            x = net.relu(net.conv(f"features.{layer}", x, padding=1))
        x = net.max_pool(x, 2, 2)
    return net.linear("classifier", net.mean(x))


def _block(net: Layers, at: str, x: Array, stride: int) -> Array:
    def normed(name: str, x: Array, stride: int = 1) -> Array:
        side = net.weights[f"{at}.conv{name}.weight"].shape[-1]
        return net.batch_norm(f"{at}.bn{name}", net.conv(f"{at}.conv{name}", x, stride, side // 2))

    if f"{at}.conv3.weight" in net.weights:
        y = normed("3", net.relu(normed("2", net.relu(normed("1", x)), stride)))
    else:
        y = normed("2", net.relu(normed("1", x, stride)))
    if f"{at}.downsample.0.weight" in net.weights:
        x = net.batch_norm(f"{at}.downsample.1", net.conv(f"{at}.downsample.0", x, stride))
    return net.relu(y + x)


def _resnet(net: Layers, x: Array) -> Array:
    """Of any depth: the names say which blocks there are."""
    if net.weights["conv1.weight"].shape[-1] == 7:
        x = net.relu(net.batch_norm("bn1", net.conv("conv1", x, 2, 3)))
        x = net.max_pool(x, 3, 2, 1)
    else:
        x = net.relu(net.batch_norm("bn1", net.conv("conv1", x, 1, 1)))
    stage = 1
    while f"layer{stage}.0.conv1.weight" in net.weights:
        block = 0
        while f"layer{stage}.{block}.conv1.weight" in net.weights:
            x = _block(net, f"layer{stage}.{block}", x, 2 if stage > 1 and block == 0 else 1)
            block += 1
        stage += 1
    return net.linear("fc", net.mean(x))


_NETWORKS: dict[str, Network] = {"mlp": _mlp, "lenet5": _lenet5, "small_vgg": _small_vgg}
_NETWORKS |= dict.fromkeys(("resnet18", "resnet20", "resnet50", "resnet152"), _resnet)


def network(name: str, *left_out: str) -> Network:
    """A network by name.

    Raises:
        UnavailableError: not written here, or among those left out, for which the peer has no answer in
            reasonable time.
    """
    if name in left_out or name not in _NETWORKS:
        raise UnavailableError(f"does not do {name}")
    return _NETWORKS[name]


def is_trained(name: str) -> bool:
    """Whether a name in a state dict is a parameter's, not a running statistic's."""
    return not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
