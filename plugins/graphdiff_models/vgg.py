"""A VGG for small images (after Simonyan and Zisserman 2014: 3×3 filters only, doubled after pooling)."""

from __future__ import annotations

from itertools import pairwise

import graphdiff as gd


def small_vgg(
    num_classes: int = 10, in_channels: int = 3, widths: tuple[int, ...] = (64, 128, 256)
) -> gd.Module:
    """Per width two 3×3 convolutions with ReLU and a 2×2 max pooling; then the mean, and one linear layer.

    Shapes: (N, in_channels, H, W) -> (N, num_classes), H and W multiples of 2 to the number of widths.
    """
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
