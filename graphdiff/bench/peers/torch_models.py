"""The workloads' models in plain torch, with the same names for every parameter."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from graphdiff.bench.peers.torch_vision import VGG, CifarResNet, GoogLeNet


class Block(nn.Module):  # type: ignore[misc]
    """ResNet's basic block, or its bottleneck."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        basic = [(inputs, width, 3, stride), (width, width, 3, 1)]
        narrow = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        self.convs = len(narrow if bottleneck else basic)
        for k, (i, o, size, s) in enumerate(narrow if bottleneck else basic, 1):
            setattr(self, f"conv{k}", nn.Conv2d(i, o, size, s, size // 2, bias=False))
            setattr(self, f"bn{k}", nn.BatchNorm2d(o))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: Any) -> Any:
        y = x
        for k in range(1, self.convs + 1):
            y = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(y))
            y = torch.relu(y) if k < self.convs else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):  # type: ignore[misc]
    """With the stem for small images where it has ten classes."""

    def __init__(
        self, depths: tuple[int, ...], width: int = 64, bottleneck: bool = False, classes: int = 1000
    ) -> None:
        super().__init__()
        self.small, self.stages, inputs = classes == 10, len(depths), width
        self.conv1 = nn.Conv2d(3, width, *((3, 1, 1) if self.small else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for k, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                blocks.append(Block(inputs, width * 2**k, 2 if k and not i else 1, bottleneck))
                inputs = width * 2**k * (4 if bottleneck else 1)
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.bn1(self.conv1(x)))
        if not self.small:
            x = nn.functional.max_pool2d(x, 3, 2, 1)
        for k in range(1, self.stages + 1):
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
    "mlp": _mlp,
    "lenet5": _lenet5,
    "small_vgg": Pooled,
    "resnet18": lambda: ResNet((2, 2, 2, 2), classes=10),
    "resnet20": lambda: CifarResNet(3),
    "resnet50": lambda: ResNet((3, 4, 6, 3), bottleneck=True),
    "resnet152": lambda: ResNet((3, 8, 36, 3), bottleneck=True),
    "vgg16": lambda: VGG((2, 2, 3, 3, 3), False, dropout=0.0),
    "googlenet": lambda: GoogLeNet(auxiliary=False, dropout=0.0),
}
