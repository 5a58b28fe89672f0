"""GoogLeNet (Szegedy et al. 2014, table 1), with batch normalisation and torchvision's names.

As in torchvision, the filters that the paper calls 5×5 are 3×3, so that its files load.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import graphdiff as gd
from graphdiff.random import generator


class Scores(NamedTuple):
    """What GoogLeNet with auxiliary heads gives in training; the paper descends
    loss + 0.3 · (loss of aux1 + loss of aux2)."""

    scores: gd.Tensor
    aux2: gd.Tensor
    aux1: gd.Tensor


class Conv(gd.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0) -> None:
        self.conv = gd.layers.Conv2d(
            inputs, outputs, size, stride, padding=padding, bias=False, rounding="floor"
        )
        _redraw(self.conv.weight)
        self.bn = gd.layers.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return gd.relu(self.bn(self.conv(x)))


class Inception(gd.Module):
    """Four branches side by side, joined along the channels (section 4, figure 2b).

    Args:
        ones, threes, fives, pooled: filters of each branch; of the middle two with those of the 1×1
            convolution in front of them first.
    """

    def __init__(
        self, inputs: int, ones: int, threes: tuple[int, int], fives: tuple[int, int], pooled: int
    ) -> None:
        sequential = gd.layers.Sequential
        self.branch1 = Conv(inputs, ones, 1)
        self.branch2 = sequential(Conv(inputs, threes[0], 1), Conv(*threes, 3, padding=1))
        self.branch3 = sequential(Conv(inputs, fives[0], 1), Conv(*fives, 3, padding=1))
        self.branch4 = sequential(gd.layers.MaxPool2d(3, 1, padding=1), Conv(inputs, pooled, 1))

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return gd.concatenate([branch(x) for branch in branches], axis=1)


class Auxiliary(gd.Module):
    """A classifier half-way, which keeps gradients alive in the lower layers (section 5)."""

    def __init__(self, inputs: int, num_classes: int) -> None:
        self.conv = Conv(inputs, 128, 1)
        self.fc1 = _linear(2048, 1024)
        self.fc2 = _linear(1024, num_classes)
        self.dropout = gd.layers.Dropout(0.7)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        x = self.conv(gd.adaptive_avg_pool2d(x, (4, 4)))
        x = gd.relu(self.fc1(gd.reshape(x, (x.shape[0], -1))))
        scores: gd.Tensor = self.fc2(self.dropout(x))
        return scores


class GoogLeNet(gd.Module):
    """See :func:`googlenet`."""

    def __init__(self, num_classes: int, in_channels: int, auxiliary: bool, dropout: float) -> None:
        self.conv1 = Conv(in_channels, 64, 7, 2, padding=3)
        self.conv2 = Conv(64, 64, 1)
        self.conv3 = Conv(64, 192, 3, padding=1)
        self.inception3a = Inception(192, 64, (96, 128), (16, 32), 32)
        self.inception3b = Inception(256, 128, (128, 192), (32, 96), 64)
        self.inception4a = Inception(480, 192, (96, 208), (16, 48), 64)
        self.inception4b = Inception(512, 160, (112, 224), (24, 64), 64)
        self.inception4c = Inception(512, 128, (128, 256), (24, 64), 64)
        self.inception4d = Inception(512, 112, (144, 288), (32, 64), 64)
        self.inception4e = Inception(528, 256, (160, 320), (32, 128), 128)
        self.inception5a = Inception(832, 256, (160, 320), (32, 128), 128)
        self.inception5b = Inception(832, 384, (192, 384), (48, 128), 128)
        self.aux1 = Auxiliary(512, num_classes) if auxiliary else None
        self.aux2 = Auxiliary(528, num_classes) if auxiliary else None
        self.dropout = gd.layers.Dropout(dropout)
        self.fc = _linear(1024, num_classes)
        self.heads = ("aux1.fc2", "aux2.fc2", "fc") if auxiliary else ("fc",)

    def forward(self, x: Any) -> gd.Tensor | Scores:
        x = _halved(self.conv1(x), 3)
        x = _halved(self.conv3(self.conv2(x)), 3)
        x = _halved(self.inception3b(self.inception3a(x)), 3)
        x = first = self.inception4a(x)
        x = second = self.inception4d(self.inception4c(self.inception4b(x)))
        x = _halved(self.inception4e(x), 2)
        x = self.inception5b(self.inception5a(x))
        scores: gd.Tensor = self.fc(self.dropout(gd.global_avg_pool2d(x)))
        if self.aux1 is None or self.aux2 is None or not self.training:
            return scores
        return Scores(scores, self.aux2(second), self.aux1(first))


def _halved(x: gd.Tensor, window: int) -> gd.Tensor:
    return gd.max_pool2d(x, window, 2, rounding="ceil")


def _redraw(weight: gd.Parameter) -> None:
    """From N(0, 0.01²) cut at two deviations, as torchvision does."""
    from scipy.stats import truncnorm

    draws = truncnorm.rvs(-2, 2, scale=0.01, size=weight.shape, random_state=generator())
    weight.assign(draws.astype("float32"))


def _linear(inputs: int, outputs: int) -> gd.Module:
    linear: gd.Module = gd.layers.Linear(inputs, outputs)
    _redraw(linear.weight)  # type: ignore[attr-defined]
    return linear


def googlenet(
    num_classes: int = 1000, in_channels: int = 3, *, auxiliary: bool = False, dropout: float = 0.2
) -> gd.Module:
    """GoogLeNet: 6,624,904 parameters for 1000 classes, 13,004,888 with the auxiliary heads.

    Args:
        auxiliary: whether there are two more heads, half-way up; in training it then gives
            ``Scores(scores, aux2, aux1)``.

    Shapes: (N, in_channels, H, W) -> (N, num_classes); made for 224.
    """
    return GoogLeNet(num_classes, in_channels, auxiliary, dropout)
