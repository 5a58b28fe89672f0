"""Residual networks for images of 32×32 (He et al. 2015, section 4.2): three stages of n blocks with 16, 32
and 64 filters, and shortcuts without parameters (option A)."""

from __future__ import annotations

from typing import Any

import graphdiff as gd
from graphdiff_models.resnet import conv


class Block(gd.Module):
    """Two 3×3 convolutions beside a shortcut that leaves rows, columns out and fills channels with 0."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        self.conv1 = conv(inputs, width, 3, stride)
        self.bn1 = gd.layers.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = gd.layers.BatchNorm2d(width)
        self._stride = stride
        self._more = width - inputs

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        y = self.bn2(self.conv2(gd.relu(self.bn1(self.conv1(x)))))
        return gd.relu(y + self._shortcut(x))

    def _shortcut(self, x: gd.Tensor) -> gd.Tensor:
        if self._stride > 1:
            x = x[:, :, :: self._stride, :: self._stride]
        half = self._more // 2
        return gd.pad(x, ((0, 0), (half, self._more - half), (0, 0), (0, 0))) if self._more else x


class CifarResNet(gd.Module):
    """6n + 2 layers.

    Shapes: (N, in_channels, H, W) -> (N, num_classes); made for 32×32.
    """

    def __init__(self, n: int, num_classes: int, in_channels: int) -> None:
        self.conv1 = conv(in_channels, 16, 3)
        self.bn1 = gd.layers.BatchNorm2d(16)
        inputs = 16
        for k, width in enumerate((16, 32, 64), 1):
            first = Block(inputs, width, 1 if k == 1 else 2)
            rest = [Block(width, width, 1) for _ in range(n - 1)]
            setattr(self, f"layer{k}", gd.layers.Sequential(first, *rest))
            inputs = width
        self.fc = gd.layers.Linear(64, num_classes)

    def forward(self, x: Any) -> gd.Tensor:
        x = gd.relu(self.bn1(self.conv1(x)))
        for name in ("layer1", "layer2", "layer3"):
            x = getattr(self, name)(x)
        scores: gd.Tensor = self.fc(gd.global_avg_pool2d(x))
        return scores


def resnet20(num_classes: int = 10, in_channels: int = 3) -> gd.Module:
    """ResNet-20: 269,722 parameters for 10 classes (0.27 million in the paper's table 6)."""
    return CifarResNet(3, num_classes, in_channels)


def resnet32(num_classes: int = 10, in_channels: int = 3) -> gd.Module:
    """ResNet-32: 464,154 parameters for 10 classes (0.46 million in the paper)."""
    return CifarResNet(5, num_classes, in_channels)


def resnet44(num_classes: int = 10, in_channels: int = 3) -> gd.Module:
    """ResNet-44: 658,586 parameters for 10 classes (0.66 million in the paper)."""
    return CifarResNet(7, num_classes, in_channels)


def resnet56(num_classes: int = 10, in_channels: int = 3) -> gd.Module:
    """ResNet-56: 853,018 parameters for 10 classes (0.85 million in the paper)."""
    return CifarResNet(9, num_classes, in_channels)


def resnet110(num_classes: int = 10, in_channels: int = 3) -> gd.Module:
    """ResNet-110: 1,727,962 parameters for 10 classes (1.7 million in the paper)."""
    return CifarResNet(18, num_classes, in_channels)
