"""torchvision's models written out in plain torch, with its names for every parameter: what ours are checked
against."""

import torch
from torch import nn


class TorchBlock(nn.Module):
    """torchvision's BasicBlock and Bottleneck, written out."""

    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = width * (4 if bottleneck else 1)
        sizes = (
            [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
            if bottleneck
            else [
                (inputs, width, 3, stride),
                (width, width, 3, 1),
            ]
        )
        for k, (i, o, size, s) in enumerate(sizes, 1):
            setattr(self, f"conv{k}", nn.Conv2d(i, o, size, s, size // 2, bias=False))
            setattr(self, f"bn{k}", nn.BatchNorm2d(o))
        self.count = len(sizes)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = x
        for k in range(1, self.count + 1):
            y = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(y))
            y = torch.relu(y) if k < self.count else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class TorchResNet(nn.Module):
    def __init__(self, depths, bottleneck, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inputs = 64
        for k, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                blocks.append(TorchBlock(inputs, 64 * 2**k, 2 if k and not i else 1, bottleneck))
                inputs = 64 * 2**k * (4 if bottleneck else 1)
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for k in range(1, 5):
            x = getattr(self, f"layer{k}")(x)
        return self.fc(x.mean((2, 3)))


class AlexNet(nn.Module):
    def __init__(self, classes=1000):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class VGG(nn.Module):
    def __init__(self, depths, batch_norm, classes=1000):
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
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class BasicConv(nn.Module):
    def __init__(self, inputs, outputs, size, **options):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, bias=False, **options)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, inputs, ones, red3, threes, red5, fives, pool):
        super().__init__()
        self.branch1 = BasicConv(inputs, ones, 1)
        self.branch2 = nn.Sequential(BasicConv(inputs, red3, 1), BasicConv(red3, threes, 3, padding=1))
        self.branch3 = nn.Sequential(BasicConv(inputs, red5, 1), BasicConv(red5, fives, 3, padding=1))
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, 1, padding=1, ceil_mode=True), BasicConv(inputs, pool, 1)
        )

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.conv = BasicConv(inputs, 128, 1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, classes)
        self.dropout = nn.Dropout(0.7)

    def forward(self, x):
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


class GoogLeNet(nn.Module):
    def __init__(self, classes=1000, auxiliary=True):
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
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x):
        def pool(x, window):
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


class CifarBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.more = stride, width - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        around = nn.functional.pad(
            x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more // 2, self.more // 2)
        )
        return torch.relu(y + around)


class CifarResNet(nn.Module):
    def __init__(self, n, classes=10):
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

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))
