"""The workloads' models in plain torch, with the same names for every parameter."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Block(nn.Module):  # type: ignore[misc]
    """ResNet's basic block."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or inputs != width:
            conv = nn.Conv2d(inputs, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(width))

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):  # type: ignore[misc]
    """With the stem for small images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for k, width in enumerate((64, 128, 256, 512), 1):
            setattr(
                self,
                f"layer{k}",
                nn.Sequential(Block(inputs, width, 1 if k == 1 else 2), Block(width, width, 1)),
            )
            inputs = width
        self.fc = nn.Linear(512, 10)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.bn1(self.conv1(x)))
        for k in range(1, 5):
            x = getattr(self, f"layer{k}")(x)
        return self.fc(x.mean((2, 3)))


class Pooled(nn.Module):  # type: ignore[misc]
    """The small VGG: features, mean, classifier."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width in (64, 128, 256):
            for before in (inputs, width):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
            inputs = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(256, 10)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x).mean((2, 3)))


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def _lenet5() -> nn.Module:
    model = nn.Sequential()
    model.features = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    model.classifier = nn.Sequential(
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
    )
    return model


MODELS = {
    "mlp-64": _mlp,
    "mlp-1024": _mlp,
    "lenet5-64": _lenet5,
    "vgg-64": Pooled,
    "resnet18-16": ResNet18,
}
