"""AlexNet (Krizhevsky et al. 2012), in the form for one GPU (Krizhevsky 2014) with torchvision's names."""

from __future__ import annotations

import graphdiff as gd


def alexnet(num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> gd.Module:
    """Five convolutions, overlapping 3×3 pooling, three linear layers; 61,100,840 parameters for 1000
    classes.

    Shapes: (N, in_channels, H, W) -> (N, num_classes); H and W at least 63, made for 224.
    """
    layers = gd.layers
    features = layers.Sequential(
        layers.Conv2d(in_channels, 64, 11, 4, padding=2, rounding="floor"),
        layers.ReLU(),
        layers.MaxPool2d(3, 2, rounding="floor"),
        layers.Conv2d(64, 192, 5, padding=2),
        layers.ReLU(),
        layers.MaxPool2d(3, 2, rounding="floor"),
        layers.Conv2d(192, 384, 3, padding=1),
        layers.ReLU(),
        layers.Conv2d(384, 256, 3, padding=1),
        layers.ReLU(),
        layers.Conv2d(256, 256, 3, padding=1),
        layers.ReLU(),
        layers.MaxPool2d(3, 2, rounding="floor"),
    )
    classifier = layers.Sequential(
        layers.Dropout(dropout),
        layers.Linear(256 * 6 * 6, 4096),
        layers.ReLU(),
        layers.Dropout(dropout),
        layers.Linear(4096, 4096),
        layers.ReLU(),
        layers.Linear(4096, num_classes),
    )
    model: gd.Module = layers.Sequential(
        features=features,
        avgpool=layers.AdaptiveAvgPool2d((6, 6)),
        flatten=layers.Flatten(),
        classifier=classifier,
    )
    return model
