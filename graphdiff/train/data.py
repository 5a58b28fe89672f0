"""Examples as arrays, and mini-batches of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from graphdiff.arguments import check_integers, check_kind, shown
from graphdiff.errors import ArgumentError, ShapeError

Array = np.ndarray[Any, Any]


class Arrays(NamedTuple):
    """Examples along the first axis.

    Attributes:
        inputs: (n, …). labels: (n, …).
    """

    inputs: Array
    labels: Array


class Split(NamedTuple):
    """A training part and a test part that training never sees."""

    train: Arrays
    test: Arrays


def as_pair(data: Any) -> tuple[Any, Any]:
    """Inputs and labels.

    Raises:
        ArgumentError: anything but two.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ArgumentError(
            f"data={shown(data)} is no pair of inputs and labels", fix="give Arrays(inputs, labels)"
        )
    inputs, labels = data
    return inputs, labels


def paired(inputs: Any, labels: Any) -> Arrays:
    """Examples whose inputs and labels are equally many.

    Raises:
        ShapeError: they are not.
    """
    try:
        data = Arrays(np.asarray(inputs), np.asarray(labels))
    except (ValueError, TypeError, RuntimeError) as problem:
        raise ArgumentError(f"no arrays from the data: {problem}", fix="give NumPy arrays") from None
    if not data.inputs.ndim or not data.labels.ndim or len(data.inputs) != len(data.labels):
        raise ShapeError(
            f"inputs of shape {data.inputs.shape} do not pair with labels of shape {data.labels.shape}",
            fix="give one label per input along the first axis; put a torch Dataset into a DataLoader",
        )
    return data


def batches(data: Arrays, size: int, rng: np.random.Generator | None = None) -> Iterator[Arrays]:
    """Mini-batches in random order (in the given order without ``rng``); the last may be smaller.

    Raises:
        ArgumentError: a size below 1, or no examples. ShapeError: inputs and labels of unequal number.
    """
    check_integers(batch_size=size)
    if rng is not None:
        check_kind("rng", rng, np.random.Generator, "give np.random.default_rng(seed), or None")
    inputs, labels = paired(*as_pair(data))
    if size < 1 or not len(inputs):
        raise ArgumentError(
            f"no batches of {size} from {len(inputs)} examples", fix="give examples and a size of at least 1"
        )
    order = np.arange(len(inputs)) if rng is None else rng.permutation(len(inputs))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield Arrays(inputs[chosen], labels[chosen])
