"""Residual networks (He et al. 2015, table 1), with torchvision's names for every parameter."""

from __future__ import annotations

import math
from typing import Any

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.random import generator


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> gd.Module:
    """Without bias, padded to keep the size; drawn as section 3.4 refers to (Kaiming normal, fan out)."""
    conv: gd.Module = gd.layers.Conv2d(
        inputs, outputs, size, stride, padding=size // 2, bias=False, rounding="floor"
    )
    deviation = math.sqrt(2 / (outputs * size * size))
    conv.weight.assign(generator().normal(0, deviation, conv.weight.shape))  # type: ignore[attr-defined]
    return conv


def _shortcut(inputs: int, outputs: int, stride: int) -> gd.Module | None:
    if stride == 1 and inputs == outputs:
        return None
    shortcut: gd.Module = gd.layers.Sequential(
        conv(inputs, outputs, 1, stride), gd.layers.BatchNorm2d(outputs)
    )
    return shortcut


class BasicBlock(gd.Module):
    """Two 3×3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        self.conv1 = conv(inputs, width, 3, stride)
        self.bn1 = gd.layers.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = gd.layers.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        y = gd.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return gd.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(gd.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut; the 3×3 has the stride, as in torchvision."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        self.conv1 = conv(inputs, width, 1)
        self.bn1 = gd.layers.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = gd.layers.BatchNorm2d(width)
        self.conv3 = conv(width, 4 * width, 1)
        self.bn3 = gd.layers.BatchNorm2d(4 * width)
        self.downsample = _shortcut(inputs, 4 * width, stride)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        y = gd.relu(self.bn1(self.conv1(x)))
        y = gd.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return gd.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(gd.Module):
    """A stem, four stages of blocks, the mean, and one linear layer.

    Args:
        block: BasicBlock or Bottleneck.
        depths: blocks in each stage.
        stem: "imagenet" (7×7, stride 2, then max pooling) or "cifar" (3×3, no pooling), for small images.

    Shapes: (N, in_channels, H, W) -> (N, num_classes).

    Raises:
        ArgumentError: another stem.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: tuple[int, ...],
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: str = "imagenet",
    ) -> None:
        if stem not in ("imagenet", "cifar"):
            raise ArgumentError(f"unknown stem {stem!r}", fix='use "imagenet" or "cifar"')
        layers, size, stride = gd.layers, *((7, 2) if stem == "imagenet" else (3, 1))
        self.conv1 = conv(in_channels, 64, size, stride)
        self.bn1 = layers.BatchNorm2d(64)
        self.maxpool = layers.MaxPool2d(3, 2, padding=1, rounding="floor") if stem == "imagenet" else None
        inputs = 64
        for k, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                width = 64 * 2**k
                blocks.append(block(inputs, width, 2 if k and i == 0 else 1))
                inputs = width * block.expansion
            setattr(self, f"layer{k + 1}", layers.Sequential(*blocks))
        self.avgpool = layers.GlobalAvgPool2d()
        self.fc = layers.Linear(inputs, num_classes)
        self._stages = [f"layer{k + 1}" for k in range(len(depths))]

    def forward(self, x: Any) -> gd.Tensor:
        x = gd.relu(self.bn1(self.conv1(x)))
        if self.maxpool is not None:
            x = self.maxpool(x)
        for name in self._stages:
            x = getattr(self, name)(x)
        scores: gd.Tensor = self.fc(self.avgpool(x))
        return scores


def resnet18(num_classes: int = 1000, in_channels: int = 3, stem: str = "imagenet") -> gd.Module:
    """ResNet-18: 11,689,512 parameters for 1000 classes."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes, in_channels, stem)


def resnet34(num_classes: int = 1000, in_channels: int = 3, stem: str = "imagenet") -> gd.Module:
    """ResNet-34: 21,797,672 parameters for 1000 classes."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes, in_channels, stem)


def resnet50(num_classes: int = 1000, in_channels: int = 3, stem: str = "imagenet") -> gd.Module:
    """ResNet-50: 25,557,032 parameters for 1000 classes."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, in_channels, stem)


def resnet101(num_classes: int = 1000, in_channels: int = 3, stem: str = "imagenet") -> gd.Module:
    """ResNet-101: 44,549,160 parameters for 1000 classes."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, in_channels, stem)


def resnet152(num_classes: int = 1000, in_channels: int = 3, stem: str = "imagenet") -> gd.Module:
    """ResNet-152: 60,192,808 parameters for 1000 classes."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes, in_channels, stem)
