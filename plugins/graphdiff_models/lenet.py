"""LeNet-5, in the form that is common today (LeCun et al. 1998, section II.B, with ReLU and max pooling)."""

from __future__ import annotations

import graphdiff as gd


def lenet5(num_classes: int = 10, in_channels: int = 1, image_size: int = 28) -> gd.Module:
    """Two convolutions with pooling, three fully connected layers; 61,706 parameters by default.

    Shapes: (N, in_channels, image_size, image_size) -> (N, num_classes).
    """
    side = ((image_size - 4 + 4) // 2 - 4) // 2  # the first convolution is padded by 2
    layers = gd.layers
    features = layers.Sequential(
        layers.Conv2d(in_channels, 6, 5, padding=2),
        layers.ReLU(),
        layers.MaxPool2d(2, rounding="floor"),
        layers.Conv2d(6, 16, 5),
        layers.ReLU(),
        layers.MaxPool2d(2, rounding="floor"),
    )
    classifier = layers.Sequential(
        layers.Flatten(),
        layers.Linear(16 * side * side, 120),
        layers.ReLU(),
        layers.Linear(120, 84),
        layers.ReLU(),
        layers.Linear(84, num_classes),
    )
    model: gd.Module = layers.Sequential(features=features, classifier=classifier)
    return model
