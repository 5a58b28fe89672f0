"""Linear classifiers and perceptrons: nothing but linear layers, and ReLU between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import graphdiff as gd
from graphdiff.arguments import check_integers, check_kind
from graphdiff.errors import ArgumentError


def linear(in_features: int, num_classes: int) -> gd.Module:
    """Scores s = W x + b, the linear classifier.

    Shapes: (N, …) with in_features numbers an example -> (N, num_classes).
    """
    model: gd.Module = gd.layers.Sequential(
        flatten=gd.layers.Flatten(), fc=gd.layers.Linear(in_features, num_classes)
    )
    return model


def two_layer(in_features: int, num_classes: int, hidden: int = 64) -> gd.Module:
    """Scores s = W₂ max(0, W₁ x + b₁) + b₂.

    Shapes: (N, …) with in_features numbers an example -> (N, num_classes).
    """
    return mlp(in_features, num_classes, (hidden,))


def mlp(in_features: int, num_classes: int, hidden: Sequence[int] = (256, 128)) -> gd.Module:
    """A perceptron with so many units in each hidden layer; its layers are fc1, relu1, fc2, …

    Shapes: (N, …) with in_features numbers an example -> (N, num_classes).

    Raises:
        ArgumentError: a size below 1.
    """
    check_kind("hidden", hidden, (tuple, list), "give the size of each hidden layer: [256, 128]")
    sizes = (in_features, *hidden, num_classes)
    for size in sizes:
        check_integers(size=size)
    if min(sizes) < 1:
        raise ArgumentError(f"a perceptron of sizes {sizes} has no weights", fix="give sizes of at least 1")
    parts: dict[str, gd.Module] = {"flatten": gd.layers.Flatten()}
    for k, (before, after) in enumerate(pairwise(sizes), 1):
        parts[f"fc{k}"] = gd.layers.Linear(before, after)
        if k < len(sizes) - 1:
            parts[f"relu{k}"] = gd.layers.ReLU()
    model: gd.Module = gd.layers.Sequential(**parts)
    return model
