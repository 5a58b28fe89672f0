"""The built-in layers, registered as any plugin's."""

from graphdiff_layers.activation import ReLU, Sigmoid, Tanh
from graphdiff_layers.convolution import Conv2d
from graphdiff_layers.dropout import Dropout
from graphdiff_layers.linear import Linear
from graphdiff_layers.norm import BatchNorm2d
from graphdiff_layers.pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d
from graphdiff_layers.residual import Residual
from graphdiff_layers.sequential import Sequential
from graphdiff_layers.shape import Flatten

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Tanh",
]
