"""What a training run went through: per batch and per epoch, as a table and as curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from graphdiff.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Metrics(dict[str, float]):
    """Means over examples by name; ``metrics.loss`` is ``metrics["loss"]``.

    "loss" is that of the loss function, "accuracy" the share of examples whose largest score is at their
    label; a trainer may have others.
    """

    def __getattr__(self, name: str) -> float:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no metric {name!r}; there are {', '.join(self)}") from None


def cost(metric: str, value: float) -> float:
    """What is best where it is smallest: a loss or an error, by its name, as it is, all else negated. NaN is
    the worst."""
    if math.isnan(value):
        return math.inf
    return value if "loss" in metric or "error" in metric else -value


class Epoch(NamedTuple):
    """One pass over the training data.

    Attributes:
        number: from 1.
        train: measured on each batch before its update.
        validation: measured after the epoch, if validation data were given.
        rate: the learning rate of its last step.
        seconds: of training and validation.
    """

    number: int
    train: Metrics
    validation: Metrics | None
    rate: float
    seconds: float


@dataclass
class History:
    """What a training run went through.

    Attributes:
        losses: the loss of every batch, in order.
        gradient_norms: the Euclidean norm of the gradient of each batch, over all parameters.
        rates: the learning rate of every step.
        epochs: the means of every epoch.
        stopped: why training ended before the last epoch, or "".
    """

    losses: list[float] = field(default_factory=list, repr=False)
    gradient_norms: list[float] = field(default_factory=list, repr=False)
    rates: list[float] = field(default_factory=list, repr=False)
    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = ""

    def table(self) -> str:
        """A line for every epoch, as text."""
        if not self.epochs:
            return "no epochs"
        names = [f"train {n}" for n in self.epochs[0].train]
        names += [f"validation {n}" for n in self.epochs[0].validation or ()]
        head = ["epoch", *names, "rate", "seconds"]
        rows = [
            [
                f"{e.number}",
                *(f"{v:.4f}" for v in (*e.train.values(), *(e.validation or {}).values())),
                f"{e.rate:.3g}",
                f"{e.seconds:.1f}",
            ]
            for e in self.epochs
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = ("  ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) for row in (head, *rows))
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Curves of loss, accuracy, learning rate and gradient norm over the steps.

        Raises:
            ArgumentError: matplotlib is not installed, or nothing to plot.
        """
        from graphdiff.train.curves import curves

        return curves(self)

    def as_dict(self) -> dict[str, Any]:
        """The same in lists and dicts, for JSON."""
        return asdict(self) | {"epochs": [epoch._asdict() for epoch in self.epochs]}

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> History:
        """What :meth:`as_dict` gave.

        Raises:
            ArgumentError: something else.
        """
        try:
            epochs = [_revived(Epoch(**epoch)) for epoch in known["epochs"]]
            curves = {
                name: [float(value) for value in known[name]]
                for name in ("losses", "gradient_norms", "rates")
            }
            return cls(**curves, epochs=epochs, stopped=str(known["stopped"]))
        except (TypeError, KeyError, IndexError, ValueError, AttributeError) as problem:
            raise ArgumentError(
                f"not the history of a training run: {problem}", fix="give what as_dict() gave"
            ) from None


def _revived(epoch: Epoch) -> Epoch:
    validation = None if epoch.validation is None else _metrics(epoch.validation)
    return Epoch(
        int(epoch.number), _metrics(epoch.train), validation, float(epoch.rate), float(epoch.seconds)
    )


def _metrics(known: Mapping[str, Any]) -> Metrics:
    return Metrics({name: float(value) for name, value in known.items()})


class Means:
    """Means over examples, from those over batches.

    Args:
        names: of the values.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.sums = [0.0] * len(self.names)
        self.seen = 0.0

    def add(self, values: Iterable[float], examples: float) -> None:
        """Take in the means over so many examples."""
        self.sums = [total + float(v) * examples for total, v in zip(self.sums, values, strict=True)]
        self.seen += examples

    def metrics(self) -> Metrics:
        """The means so far; zeros before any."""
        return Metrics(zip(self.names, (s / (self.seen or 1) for s in self.sums), strict=True))
