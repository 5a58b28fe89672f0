"""Parts of a data set: one held out, or each of k in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graphdiff.arguments import check_flags, check_integers, check_numbers, shown
from graphdiff.errors import ArgumentError
from graphdiff.train.data import Array, Arrays, Split, as_pair, paired


def hold_out(data: Arrays, test_fraction: float = 0.25, *, seed: int = 0, stratify: bool = True) -> Split:
    """A training part, and a random part of the examples that is held out of it.

    Args:
        data: inputs (n, …) and labels (n, …).
        test_fraction: the share that is held out, between 0 and 1.
        stratify: every class has the same share in both parts; labels are then (n,) class numbers.

    Raises:
        ArgumentError: a fraction that leaves a part without examples or a class; labels that are no classes.
        ShapeError: inputs and labels of unequal number.
    """
    from sklearn.model_selection import train_test_split

    check_flags(stratify=stratify)
    check_numbers(test_fraction=test_fraction)
    check_seed(seed)
    inputs, labels = paired(*as_pair(data))
    classes = _classes(labels) if stratify else None
    try:
        kept, held = train_test_split(
            np.arange(len(labels)), test_size=float(test_fraction), random_state=seed, stratify=classes
        )
    except ValueError as problem:
        raise ArgumentError(f"test_fraction={test_fraction}: {problem}", fix="use about 0.25") from None
    return Split(Arrays(inputs[kept], labels[kept]), Arrays(inputs[held], labels[held]))


def k_folds(data: Arrays, k: int = 5, *, seed: int = 0, stratify: bool = True) -> Iterator[Split]:
    """k splits; each example is in the test part of exactly one of them.

    Args:
        data: inputs (n, …) and labels (n, …).
        stratify: every class has the same share in all folds; labels are then (n,) class numbers.

    Raises:
        ArgumentError: k below 2, more folds than examples (of some class), or labels that are no classes.
        ShapeError: inputs and labels of unequal number.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    check_integers(k=k)
    check_flags(stratify=stratify)
    check_seed(seed)
    inputs, labels = paired(*as_pair(data))
    fewest = min(np.unique(_classes(labels), return_counts=True)[1], default=0) if stratify else len(labels)
    if not 2 <= k <= fewest:
        rarest = "the rarest class" if stratify else "the data"
        raise ArgumentError(f"k={k} folds, and {rarest} has {fewest} examples", fix="choose 2 ≤ k ≤ examples")
    folds = (StratifiedKFold if stratify else KFold)(k, shuffle=True, random_state=seed)
    for kept, held in folds.split(np.empty(len(labels)), labels):
        yield Split(Arrays(inputs[kept], labels[kept]), Arrays(inputs[held], labels[held]))


def check_seed(seed: Any) -> None:
    """
    Raises:
        ArgumentError: one that scikit-learn does not take.
    """
    check_integers(seed=seed)
    if not 0 <= seed < 1 << 32:
        raise ArgumentError(f"seed={shown(seed)}", fix="give an integer from 0 to 2³² − 1")


def are_classes(labels: Any) -> bool:
    """Whether there is a whole number for each example."""
    labels = np.asarray(labels)
    return labels.ndim == 1 and labels.dtype.kind in "iub"


def _classes(labels: Array) -> Array:
    if not are_classes(labels):
        raise ArgumentError(
            f"labels of shape {labels.shape} and {labels.dtype} are no class numbers",
            fix="give one integer per example, or stratify=False",
        )
    return labels
