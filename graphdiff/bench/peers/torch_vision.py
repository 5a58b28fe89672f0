"""Larger and other models of the workloads in plain torch, with torchvision's names for every parameter."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class VGG(nn.Module):  # type: ignore[misc]
    def __init__(
        self, depths: tuple[int, ...], batch_norm: bool, classes: int = 1000, dropout: float = 0.5
    ) -> None:
        super().__init__()
        parts, inputs = [], 3
        for depth, width in zip(depths, (64, 128, 256, 512, 512), strict=True):
            for _ in range(depth):
                parts.append(nn.Conv2d(inputs, width, 3, padding=1))
                parts += [nn.BatchNorm2d(width)] if batch_norm else []
                parts.append(nn.ReLU())
                inputs = width
            parts.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*parts)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, classes),
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class BasicConv(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, outputs: int, size: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, bias=False, **options)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Any) -> Any:
        return torch.relu(self.bn(self.conv(x)))


class Inception(nn.Module):  # type: ignore[misc]
    def __init__(
        self, inputs: int, ones: int, red3: int, threes: int, red5: int, fives: int, pool: int
    ) -> None:
        super().__init__()
        self.branch1 = BasicConv(inputs, ones, 1)
        self.branch2 = nn.Sequential(BasicConv(inputs, red3, 1), BasicConv(red3, threes, 3, padding=1))
        self.branch3 = nn.Sequential(BasicConv(inputs, red5, 1), BasicConv(red5, fives, 3, padding=1))
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, 1, padding=1, ceil_mode=True), BasicConv(inputs, pool, 1)
        )

    def forward(self, x: Any) -> Any:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv = BasicConv(inputs, 128, 1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, classes)
        self.dropout = nn.Dropout(0.7)

    def forward(self, x: Any) -> Any:
        x = self.conv(nn.functional.adaptive_avg_pool2d(x, (4, 4)))
        return self.fc2(self.dropout(torch.relu(self.fc1(torch.flatten(x, 1)))))


SIZES = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):  # type: ignore[misc]
    def __init__(self, classes: int = 1000, auxiliary: bool = True, dropout: float = 0.2) -> None:
        super().__init__()
        self.conv1 = BasicConv(3, 64, 7, stride=2, padding=3)
        self.conv2 = BasicConv(64, 64, 1)
        self.conv3 = BasicConv(64, 192, 3, padding=1)
        for name, sizes in SIZES.items():
            setattr(self, f"inception{name}", Inception(*sizes))
        self.auxiliary = auxiliary
        if auxiliary:
            self.aux1 = InceptionAux(512, classes)
            self.aux2 = InceptionAux(528, classes)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Any) -> Any:
        def pool(x: Any, window: int) -> Any:
            return nn.functional.max_pool2d(x, window, 2, ceil_mode=True)

        x = pool(self.conv3(self.conv2(pool(self.conv1(x), 3))), 3)
        x = pool(self.inception3b(self.inception3a(x)), 3)
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.auxiliary and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.auxiliary and self.training else None
        x = self.inception5b(self.inception5a(pool(self.inception4e(x), 2)))
        scores = self.fc(self.dropout(x.mean((2, 3))))
        return (scores, aux2, aux1) if aux1 is not None else scores


class CifarBlock(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.more = stride, width - inputs

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        around = nn.functional.pad(
            x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more // 2, self.more // 2)
        )
        return torch.relu(y + around)


class CifarResNet(nn.Module):  # type: ignore[misc]
    def __init__(self, n: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        inputs = 16
        for k, width in enumerate((16, 32, 64), 1):
            blocks = [
                CifarBlock(inputs if i == 0 else width, width, 2 if k > 1 and i == 0 else 1) for i in range(n)
            ]
            setattr(self, f"layer{k}", nn.Sequential(*blocks))
            inputs = width
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))
