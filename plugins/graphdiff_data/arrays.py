"""A user's own arrays as a data set."""

from __future__ import annotations

from typing import Any

from graphdiff.train import Dataset, hold_out
from graphdiff.train.data import paired


def arrays(inputs: Any, labels: Any, *, test_fraction: float = 0.25, seed: int = 0) -> Dataset:
    """Arrays split at random into training and test part: inputs (n, …) and labels (n, …), dtypes as given.

    Integer labels of shape (n,) are classes, and have equal shares in both parts.

    Raises:
        ShapeError: inputs and labels of unequal number.
        ArgumentError: a fraction that leaves one part without examples or a class.
    """
    data = paired(inputs, labels)
    classes = data.labels.ndim == 1 and data.labels.dtype.kind in "iub"
    return Dataset(*hold_out(data, test_fraction, seed=seed, stratify=classes))
