"""The built-in layers, registered as any plugin's."""

from graphdiff_layers.activation import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Maxout,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from graphdiff_layers.convolution import Conv1d, Conv2d, ConvTranspose2d
from graphdiff_layers.dropout import Dropout, Dropout2d
from graphdiff_layers.embedding import Embedding
from graphdiff_layers.linear import Linear
from graphdiff_layers.norm import BatchNorm1d, BatchNorm2d
from graphdiff_layers.pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d
from graphdiff_layers.residual import Residual
from graphdiff_layers.sequential import Concat, Sequential
from graphdiff_layers.shape import Flatten
from graphdiff_layers.standardize import GroupNorm, LayerNorm, LocalResponseNorm

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Concat",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GlobalAvgPool2d",
    "GroupNorm",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "Maxout",
    "PReLU",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
