"""The checks that every data set passes, a plugin's too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from graphdiff.testing.comparing import identical
from graphdiff.testing.kit import Check, Kit, NotRunError
from graphdiff.testing.source import Source
from graphdiff.train import Arrays, Dataset
from graphdiff.train.data import batches

Make = Callable[..., Dataset]


@dataclass(frozen=True, eq=False)
class DatasetCase:
    """A data set that can be made again."""

    make: Make

    @classmethod
    def draw(cls, samples: Callable[[Source], Make], source: Source) -> DatasetCase:
        return cls(samples(source))

    @cached_property
    def data(self) -> Dataset:
        return self.make()

    @property
    def parts(self) -> dict[str, Arrays]:
        return {"train": self.data.train, "test": self.data.test}

    @property
    def has_classes(self) -> bool:
        labels = self.data.train.labels
        return labels.ndim == 1 and labels.dtype.kind in "iu"

    def __str__(self) -> str:
        shapes = [f"{name} {x.dtype}{list(x.shape)}" for name, (x, _) in self.parts.items()]
        return f"{self.data.description or self.make}: {', '.join(shapes)}"


def check_parts(case: DatasetCase) -> None:
    """It is a :class:`graphdiff.train.Dataset` whose parts have examples, one label for each."""
    if not isinstance(case.data, Dataset):
        raise AssertionError(f"it is a {type(case.data).__name__}, not a graphdiff.train.Dataset")
    for name, (inputs, labels) in case.parts.items():
        if not len(inputs) or len(inputs) != len(labels):
            raise AssertionError(f"{name} has {len(inputs)} inputs and {len(labels)} labels")
    train, test = case.parts.values()
    if train.inputs.shape[1:] != test.inputs.shape[1:]:
        raise AssertionError(f"train has inputs {train.inputs.shape[1:]}, test {test.inputs.shape[1:]}")


def check_dtypes(case: DatasetCase) -> None:
    """Both parts have the same dtypes, numbers are finite, and class labels are named."""
    kinds = {name: (part.inputs.dtype, part.labels.dtype) for name, part in case.parts.items()}
    if kinds["train"] != kinds["test"]:
        raise AssertionError(f"the parts have dtypes {kinds}")
    for name, part in case.parts.items():
        if not np.isfinite(part.inputs).all():
            raise AssertionError(f"{name} has inputs that are not finite")
        if case.has_classes and case.data.classes:
            low, high = part.labels.min(), part.labels.max()
            if low < 0 or high >= len(case.data.classes):
                raise AssertionError(f"{name} has labels {low} … {high}, named are {len(case.data.classes)}")


def check_indexing(case: DatasetCase) -> None:
    """Parts are arrays: rows can be taken by number, slice, mask and list, inputs as labels."""
    for name, (inputs, labels) in case.parts.items():
        for part, array in (("inputs", inputs), ("labels", labels)):
            order = np.arange(len(array))[::-1]
            identical(f"{name} {part} by a list", array[list(order)], array[::-1])
            identical(f"{name} {part} by a mask", array[order == 0], array[-1:])


def check_batches(case: DatasetCase) -> None:
    """Shuffled batches hold every example once, in the same order for the same seed."""
    size = max(1, len(case.data.train.labels) // 3)
    shuffled = [list(batches(case.data.train, size, np.random.default_rng(0))) for _ in range(2)]
    for one, other in zip(*shuffled, strict=True):
        identical("the inputs of a batch, shuffled again by the same seed,", other.inputs, one.inputs)
        identical("its labels", other.labels, one.labels)
    found = np.sort(np.concatenate([b.labels for b in shuffled[0]]), axis=0)
    identical("the labels of all batches, sorted,", found, np.sort(case.data.train.labels, axis=0))


def check_reproducible(case: DatasetCase) -> None:
    """Made again, it is the same to the last bit."""
    again = case.make()
    for (name, one), two in zip(case.parts.items(), again, strict=True):
        identical(f"{name} inputs, made again,", two.inputs, one.inputs)
        identical(f"{name} labels, made again,", two.labels, one.labels)


def check_unmutated(case: DatasetCase) -> None:
    """Writing into one that was made does not change the next."""
    kept = [part.inputs.copy() for part in case.data]
    for part in case.make():
        if part.inputs.flags.writeable:
            part.inputs[...] = 0
    for (name, _), before, part in zip(case.parts.items(), kept, case.make(), strict=True):
        identical(f"{name} inputs, after others were written into,", part.inputs, before)


def check_splits(case: DatasetCase) -> None:
    """Another seed gives another split of the same examples."""
    if "seed" not in inspect.signature(case.make).parameters:
        raise NotRunError("it takes no seed: its split is fixed")
    one, two = (case.make(seed=seed) for seed in (1, 2))
    labels = [np.sort(np.concatenate([part.labels for part in made]), axis=0) for made in (one, two)]
    identical("the labels of both parts, of another seed,", labels[1], labels[0])
    if len(one.train.inputs) > 8 and np.array_equal(one.train.inputs, two.train.inputs):
        raise AssertionError("another seed gives the same training part")


CHECKS: Mapping[str, Callable[[DatasetCase], None]] = {
    "parts": check_parts,
    "dtypes": check_dtypes,
    "indexing": check_indexing,
    "batches": check_batches,
    "reproducible": check_reproducible,
    "unmutated": check_unmutated,
    "splits": check_splits,
}


@Kit
def check_dataset(
    dataset: Make,
    samples: Callable[[Source], Make] | None = None,
    *,
    examples: int = 1,
    seed: int = 0,
) -> Iterable[Check]:
    """Put a data set through every check: parts and their lengths, dtypes, indexing, batches, whether it is
    reproducible, and its splits.

    Args:
        dataset: a function that gives a :class:`graphdiff.train.Dataset`.
        samples: ``samples(source) -> make``, with its arguments filled in (:func:`functools.partial`); by
            default the function's own ``samples``, and itself where it has none.
        examples: how many samples each check draws.
        seed: of the draws; a failure can be repeated.

    Raises:
        CheckError: a check failed; the report on its smallest failing sample.
        ArgumentError: an expected failure of an unknown check.
    """
    name = getattr(dataset, "__name__", repr(dataset))
    made: Callable[[Source], Make] = samples or getattr(dataset, "samples", None) or (lambda source: dataset)
    draw = partial(DatasetCase.draw, made)
    return [Check("check_dataset", name, key, draw, run, examples, seed) for key, run in CHECKS.items()]
