"""VGG (Simonyan and Zisserman 2014, table 1): 3×3 filters only, more of them after each pooling; with
torchvision's names for every parameter."""

from __future__ import annotations

import math
from itertools import pairwise

import graphdiff as gd
from graphdiff.arguments import check_kind
from graphdiff.errors import ArgumentError
from graphdiff.random import generator

# 3×3 convolutions in the five stages.
_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


def _conv(inputs: int, outputs: int) -> gd.Module:
    """Drawn as in He et al. 2015b, section 2.2 (Kaiming normal, fan out); biases 0."""
    conv: gd.Module = gd.layers.Conv2d(inputs, outputs, 3, padding=1)
    deviation = math.sqrt(2 / (outputs * 9))
    conv.weight.assign(generator().normal(0, deviation, conv.weight.shape))  # type: ignore[attr-defined]
    conv.bias.assign(0 * conv.bias.numpy())  # type: ignore[attr-defined]
    return conv


def _linear(inputs: int, outputs: int) -> gd.Module:
    """Drawn from N(0, 0.01²), as the paper has it in section 3.1; biases 0."""
    linear: gd.Module = gd.layers.Linear(inputs, outputs)
    linear.weight.assign(generator().normal(0, 0.01, linear.weight.shape))  # type: ignore[attr-defined]
    linear.bias.assign(0 * linear.bias.numpy())  # type: ignore[attr-defined]
    return linear


def _vgg(depth: int, batch_norm: bool, num_classes: int, in_channels: int, dropout: float) -> gd.Module:
    layers = gd.layers
    features: list[gd.Module] = []
    inputs = in_channels
    for count, width in zip(_DEPTHS[depth], _WIDTHS, strict=True):
        for _ in range(count):
            features.append(_conv(inputs, width))
            if batch_norm:
                features.append(layers.BatchNorm2d(width))
            features.append(layers.ReLU())
            inputs = width
        features.append(layers.MaxPool2d(2, rounding="floor"))
    classifier = layers.Sequential(
        _linear(512 * 7 * 7, 4096),
        layers.ReLU(),
        layers.Dropout(dropout),
        _linear(4096, 4096),
        layers.ReLU(),
        layers.Dropout(dropout),
        _linear(4096, num_classes),
    )
    model: gd.Module = layers.Sequential(
        features=layers.Sequential(*features),
        avgpool=layers.AdaptiveAvgPool2d((7, 7)),
        flatten=layers.Flatten(),
        classifier=classifier,
    )
    return model


def vgg11(
    num_classes: int = 1000, in_channels: int = 3, *, batch_norm: bool = False, dropout: float = 0.5
) -> gd.Module:
    """VGG-11 (configuration A): 132,863,336 parameters for 1000 classes.

    Shapes: (N, in_channels, H, W) -> (N, num_classes); H and W at least 32, made for 224. The same holds
    for all of the family.
    """
    return _vgg(11, batch_norm, num_classes, in_channels, dropout)


def vgg13(
    num_classes: int = 1000, in_channels: int = 3, *, batch_norm: bool = False, dropout: float = 0.5
) -> gd.Module:
    """VGG-13 (configuration B): 133,047,848 parameters for 1000 classes."""
    return _vgg(13, batch_norm, num_classes, in_channels, dropout)


def vgg16(
    num_classes: int = 1000, in_channels: int = 3, *, batch_norm: bool = False, dropout: float = 0.5
) -> gd.Module:
    """VGG-16 (configuration D): 138,357,544 parameters for 1000 classes."""
    return _vgg(16, batch_norm, num_classes, in_channels, dropout)


def vgg19(
    num_classes: int = 1000, in_channels: int = 3, *, batch_norm: bool = False, dropout: float = 0.5
) -> gd.Module:
    """VGG-19 (configuration E): 143,667,240 parameters for 1000 classes."""
    return _vgg(19, batch_norm, num_classes, in_channels, dropout)


def small_vgg(
    num_classes: int = 10, in_channels: int = 3, widths: tuple[int, ...] = (64, 128, 256)
) -> gd.Module:
    """A VGG for small images: per width two 3×3 convolutions with ReLU and a 2×2 max pooling; then the
    mean, and one linear layer.

    Shapes: (N, in_channels, H, W) -> (N, num_classes), H and W multiples of 2 to the number of widths.
    """
    check_kind("widths", widths, (tuple, list), "give the number of filters of each stage: (64, 128)")
    if not widths:
        raise ArgumentError("widths=() makes no stages", fix="give at least one width")
    layers = gd.layers
    stages = []
    for before, width in pairwise((in_channels, *widths)):
        stages += [
            layers.Conv2d(before, width, 3, padding=1),
            layers.ReLU(),
            layers.Conv2d(width, width, 3, padding=1),
            layers.ReLU(),
            layers.MaxPool2d(2),
        ]
    model: gd.Module = layers.Sequential(
        features=layers.Sequential(*stages),
        pool=layers.GlobalAvgPool2d(),
        classifier=layers.Linear(widths[-1], num_classes),
    )
    return model
