"""For every model: its options, the same structure in plain torch, and the shape of an input."""

from collections import OrderedDict
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from graphdiff.bench.peers import torch_models
from plugins import torchvision_models as reference


class Sample(NamedTuple):
    """``options`` of ours, what makes ``theirs``, and the input's ``shape``; ten classes in both."""

    model: str
    options: dict
    theirs: object
    shape: tuple


def named(**parts):
    return nn.Sequential(OrderedDict(parts))


def perceptron(*sizes):
    parts = {"flatten": nn.Flatten()}
    for k, pair in enumerate(pairwise(sizes), 1):
        parts |= {f"fc{k}": nn.Linear(*pair), f"relu{k}": nn.ReLU()}
    del parts[f"relu{len(sizes) - 1}"]
    return named(**parts)


def squashed(x):
    return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    def __init__(self, maps):
        super().__init__()
        self.coefficient = nn.Parameter(torch.rand(maps, 1, 1))
        self.bias = nn.Parameter(torch.rand(maps, 1, 1))

    def forward(self, x):
        total = sum(x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
        return squashed(total * self.coefficient + self.bias)


# Table I of the paper as it is printed: which of the 16 maps of C3 (columns) see each map of S2 (rows).
TABLE = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
""".split()


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        seen = torch.tensor([mark == "X" for mark in TABLE]).reshape(6, 16).T
        self.places = seen.nonzero(as_tuple=True)
        self.weight = nn.Parameter(torch.rand(int(seen.sum()), 5, 5) / 100)
        self.bias = nn.Parameter(torch.rand(16))

    def forward(self, x):
        filters = torch.zeros(16, 6, 5, 5, dtype=x.dtype).index_put(self.places, self.weight)
        return nn.functional.conv2d(x, filters, self.bias)


class LeNet1998(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.s2, self.c3, self.s4 = nn.Conv2d(1, 6, 5), Subsampling(6), Table(), Subsampling(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, 5), nn.Linear(120, 84)
        self.register_buffer("codes", torch.rand(10, 84).round() * 2 - 1)

    def forward(self, x):
        x = self.s4(squashed(self.c3(self.s2(squashed(self.c1(x))))))
        x = squashed(self.f6(squashed(self.c5(x)).flatten(1)))
        return -((x[:, None] - self.codes) ** 2).sum(-1)


def resnet(depths, bottleneck=False):
    return lambda: reference.TorchResNet(depths, bottleneck, 10)


def vgg(*depths, batch_norm=False):
    return lambda: reference.VGG(depths, batch_norm, 10)


def cifar(n):
    return lambda: reference.CifarResNet(n)


COLOUR = (2, 3, 32, 32)
SMALL = [
    Sample(
        "linear", {"in_features": 12}, lambda: named(flatten=nn.Flatten(), fc=nn.Linear(12, 10)), (3, 3, 4)
    ),
    Sample("two_layer", {"in_features": 12, "hidden": 7}, lambda: perceptron(12, 7, 10), (3, 12)),
    Sample("mlp", {"in_features": 12, "hidden": (7, 6)}, lambda: perceptron(12, 7, 6, 10), (3, 3, 4)),
    Sample("lenet5", {}, torch_models.MODELS["lenet5"], (3, 1, 28, 28)),
    Sample("lenet5_1998", {}, LeNet1998, (3, 1, 32, 32)),
    Sample("small_vgg", {}, torch_models.MODELS["small_vgg"], (2, 3, 16, 16)),
    Sample("resnet20", {}, cifar(3), (2, 3, 17, 16)),
    Sample("resnet32", {}, cifar(5), (2, 3, 8, 8)),
    Sample("resnet18", {}, resnet((2, 2, 2, 2)), (2, 3, 33, 32)),
    Sample("resnet18", {"stem": "cifar"}, torch_models.MODELS["resnet18"], (2, 3, 9, 8)),
    Sample("resnet50", {}, resnet((3, 4, 6, 3), True), (2, 3, 33, 32)),
    Sample("googlenet", {"auxiliary": True}, lambda: reference.GoogLeNet(10), (2, 3, 64, 64)),
    Sample("alexnet", {}, lambda: reference.AlexNet(10), (2, 3, 95, 63)),
]
LARGE = [
    Sample("vgg11", {}, vgg(1, 1, 2, 2, 2), COLOUR),
    Sample("vgg11", {"batch_norm": True}, vgg(1, 1, 2, 2, 2, batch_norm=True), COLOUR),
    Sample("vgg13", {}, vgg(2, 2, 2, 2, 2), COLOUR),
    Sample("vgg13", {"batch_norm": True}, vgg(2, 2, 2, 2, 2, batch_norm=True), COLOUR),
    Sample("vgg16", {}, vgg(2, 2, 3, 3, 3), COLOUR),
    Sample("vgg16", {"batch_norm": True}, vgg(2, 2, 3, 3, 3, batch_norm=True), COLOUR),
    Sample("vgg19", {}, vgg(2, 2, 4, 4, 4), COLOUR),
    Sample("vgg19", {"batch_norm": True}, vgg(2, 2, 4, 4, 4, batch_norm=True), COLOUR),
    Sample("googlenet", {}, lambda: reference.GoogLeNet(10, auxiliary=False), (2, 3, 64, 64)),
    Sample("resnet34", {}, resnet((3, 4, 6, 3)), (2, 3, 65, 64)),
    Sample("resnet101", {}, resnet((3, 4, 23, 3), True), (2, 3, 65, 64)),
    Sample("resnet152", {}, resnet((3, 8, 36, 3), True), (2, 3, 65, 64)),
    Sample("resnet44", {}, cifar(7), (2, 3, 8, 8)),
    Sample("resnet56", {}, cifar(9), (2, 3, 8, 8)),
    Sample("resnet110", {}, cifar(18), (2, 3, 8, 8)),
]
