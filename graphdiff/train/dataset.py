"""What a data set gives: a training part, a test part, and the names of its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphdiff.arguments import entries
from graphdiff.train.data import Array, Arrays, Split


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
        made.classes, made.description = tuple(entries("classes", classes)), description
        return made

    def map(self, change: Callable[[Array], Array]) -> Dataset:
        """The same data set with its inputs changed, such as resized or standardised."""
        train, test = (Arrays(change(part.inputs), part.labels) for part in self)
        return Dataset(train, test, self.classes, self.description)
