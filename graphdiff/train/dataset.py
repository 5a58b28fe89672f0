"""What a data set gives: a training part, a test part, and the names of its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.train.data import Array, Arrays, Split


def paired(inputs: Any, labels: Any) -> Arrays:
    """Examples whose inputs and labels are equally many.

    Raises:
        ShapeError: they are not.
    """
    data = Arrays(np.asarray(inputs), np.asarray(labels))
    if not data.inputs.ndim or not data.labels.ndim or len(data.inputs) != len(data.labels):
        raise ShapeError(
            f"inputs of shape {data.inputs.shape} do not pair with labels of shape {data.labels.shape}",
            fix="give one label per input along the first axis; put a torch Dataset into a DataLoader",
        )
    return data


class Dataset(Split):
    """A split that knows what it shows; it unpacks into ``train, test`` as any split.

    Attributes:
        classes: the name of every label, from 0; empty where there are none.
        description: one line: what the data are, and whose.
    """

    classes: tuple[str, ...]
    description: str

    def __new__(
        cls, train: Arrays, test: Arrays, classes: Sequence[str] = (), description: str = ""
    ) -> Dataset:
        made = super().__new__(cls, train, test)
        made.classes, made.description = tuple(classes), description
        return made

    def map(self, change: Callable[[Array], Array]) -> Dataset:
        """The same data set with its inputs changed, such as resized or standardised."""
        train, test = (Arrays(change(part.inputs), part.labels) for part in self)
        return Dataset(train, test, self.classes, self.description)
