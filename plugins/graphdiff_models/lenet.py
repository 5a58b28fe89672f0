"""LeNet-5 (LeCun et al. 1998, section II.B): in the form that is common today, and as it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.arguments import check_integers
from graphdiff.errors import ArgumentError
from graphdiff.random import generator


def lenet5(num_classes: int = 10, in_channels: int = 1, image_size: int = 28) -> gd.Module:
    """With ReLU and max pooling: two convolutions, three fully connected layers; 61,706 parameters by
    default.

    Shapes: (N, in_channels, image_size, image_size) -> (N, num_classes).
    """
    check_integers(image_size=image_size)
    side = ((image_size - 4 + 4) // 2 - 4) // 2  # the first convolution is padded by 2
    if side < 1:
        raise ArgumentError(f"image_size={image_size} leaves nothing to classify", fix="give at least 12")
    layers = gd.layers
    features = layers.Sequential(
        layers.Conv2d(in_channels, 6, 5, padding=2),
        layers.ReLU(),
        layers.MaxPool2d(2, rounding="floor"),
        layers.Conv2d(6, 16, 5),
        layers.ReLU(),
        layers.MaxPool2d(2, rounding="floor"),
    )
    classifier = layers.Sequential(
        layers.Flatten(),
        layers.Linear(16 * side * side, 120),
        layers.ReLU(),
        layers.Linear(120, 84),
        layers.ReLU(),
        layers.Linear(84, num_classes),
    )
    model: gd.Module = layers.Sequential(features=features, classifier=classifier)
    return model


_MOST_CLASSES = 1_000_000

# Which maps of S2 each map of C3 sees (table I).
_SEEN = (
    "012", "123", "234", "345", "045", "015", "0123", "1234",
    "2345", "0345", "0145", "0125", "0134", "1245", "0235", "012345",
)  # fmt: skip


def _drawn(shape: tuple[int, ...], fan_in: int) -> gd.Parameter:
    """From U(−2.4/n, 2.4/n) with n the inputs of a unit (appendix A)."""
    return gd.Parameter(generator().uniform(-2.4 / fan_in, 2.4 / fan_in, shape))


def _squashed(x: gd.Tensor) -> gd.Tensor:
    """1.7159 tanh(2x/3), whose value at ±1 is ±1 (appendix A)."""
    return gd.tanh(x * (2 / 3)) * 1.7159


class Subsampling(gd.Module):
    """The sum of each 2×2 square, times a coefficient and plus a bias of the map, squashed."""

    def __init__(self, maps: int) -> None:
        self.coefficient = _drawn((maps, 1, 1), 4)
        self.bias = _drawn((maps, 1, 1), 4)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return _squashed(4 * gd.avg_pool2d(x, 2) * self.coefficient + self.bias)


class PartlyConnected(gd.Module):
    """C3: 16 filters of 5×5, each on some of the six maps, which breaks their symmetry (table I)."""

    def __init__(self) -> None:
        pairs = [(o, int(i)) for o, seen in enumerate(_SEEN) for i in seen]
        self._places = tuple(np.array(axis) for axis in zip(*pairs, strict=True))
        fans = np.array([25 * len(_SEEN[o]) for o, _ in pairs])[:, None, None]
        draws = generator().uniform(-2.4, 2.4, (len(pairs), 5, 5)) / fans
        self.weight = gd.Parameter(draws)
        self.bias = _drawn((len(_SEEN),), 25 * 6)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        none = gd.zeros((len(_SEEN), 6, 5, 5), self.weight.dtype)
        return gd.conv2d(x, gd.index_update(none, self._places, self.weight), self.bias)


class LeNet1998(gd.Module):
    """See :func:`lenet5_1998`."""

    def __init__(self, num_classes: int) -> None:
        self.c1 = _conv(1, 6)
        self.s2 = Subsampling(6)
        self.c3 = PartlyConnected()
        self.s4 = Subsampling(16)
        self.c5 = _conv(16, 120)
        self.f6 = gd.layers.Linear(120, 84)
        self.f6.weight.assign(_drawn((84, 120), 120))
        self.f6.bias.assign(_drawn((84,), 120))
        # The paper's codes are drawings of the digits, and as good as any at random, it says.
        check_integers(num_classes=num_classes)
        if not 1 <= num_classes <= _MOST_CLASSES:
            raise ArgumentError(
                f"num_classes={num_classes}", fix=f"give a number from 1 to {_MOST_CLASSES:,}"
            )
        self.codes = gd.Cell(generator(0).choice([-1.0, 1.0], (num_classes, 84)), "float32")

    def forward(self, x: Any) -> gd.Tensor:
        x = self.s2(_squashed(self.c1(x)))
        x = self.s4(_squashed(self.c3(x)))
        x = _squashed(self.c5(x))
        x = _squashed(self.f6(gd.reshape(x, (x.shape[0], -1))))
        return -gd.sum(gd.square(gd.expand_dims(x, 1) - self.codes), -1)


def _conv(inputs: int, outputs: int) -> gd.Module:
    conv: gd.Module = gd.layers.Conv2d(inputs, outputs, 5)
    fan_in = math.prod(conv.weight.shape[1:])  # type: ignore[attr-defined]
    for parameter in conv.parameters():
        parameter.assign(_drawn(parameter.shape, fan_in))
    return conv


def lenet5_1998(num_classes: int = 10) -> gd.Module:
    """LeNet-5 as published: trained subsampling, squashing, partly connected C3, and an output unit for
    every class that measures the squared distance from its code of ±1; 60,000 trained parameters.

    The scores are these distances, negated, so that softmax cross-entropy is the paper's criterion
    (equation 9) without its rejection class.

    Shapes: (N, 1, 32, 32) -> (N, num_classes).
    """
    return LeNet1998(num_classes)
