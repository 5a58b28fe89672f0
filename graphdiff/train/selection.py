"""Choosing between models: cross-validation, hyperparameter search, random restarts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, NamedTuple

from graphdiff import random
from graphdiff.arguments import check_choice, check_functions, check_integers, check_kind, entries
from graphdiff.errors import ArgumentError
from graphdiff.train.data import Array, Arrays, Split, as_pair
from graphdiff.train.history import History, Metrics, cost
from graphdiff.train.splits import are_classes, check_seed, k_folds
from graphdiff.train.trainer import Trainer


@dataclass(frozen=True)
class Scores:
    """What a way of training reached on each fold.

    Attributes:
        options: the hyperparameters.
        folds: the metrics on the part that was held out, fold by fold.
    """

    options: Mapping[str, Any]
    folds: Sequence[Metrics]

    def mean(self, metric: str = "accuracy") -> float:
        """The mean over the folds.

        Raises:
            ArgumentError: no metric of that name.
        """
        return fmean(self._each(metric))

    def deviation(self, metric: str = "accuracy") -> float:
        """The standard deviation between folds; 0 for a single one."""
        return stdev(self._each(metric)) if len(self.folds) > 1 else 0.0

    def _each(self, metric: str) -> list[float]:
        for fold in self.folds:
            check_choice("metric", metric, fold)
        return [fold[metric] for fold in self.folds]


def cross_validate(
    make: Callable[..., Trainer], data: Arrays, *, k: int = 5, seed: int = 0,
    options: Mapping[str, Any] | None = None,
    prepare: Callable[[Array], Callable[[Array], Array]] | None = None, **fit: Any,
) -> Scores:  # fmt: skip
    """Train k times, each time on all but one of k parts, and measure on that part.

    Args:
        make: ``make(**options)`` gives a trainer with a fresh model; the shared random numbers start from
            the seed before each call.
        data: inputs and labels; class numbers have equal shares in all folds.
        prepare: ``prepare(inputs)`` of the training part of a fold gives what changes the inputs of both
            parts, such as ``gd.transforms.Standardize.fit``. (A ``transform`` for fit is augmentation, and
            leaves the part that is measured as it is.)
        fit: passed to :meth:`Trainer.fit`.

    Raises:
        ArgumentError: fewer than two folds, or more than a class has examples.
    """
    check_functions(make=make)
    if options is not None:
        check_kind("options", options, Mapping, "give a dict of what make takes")
    if prepare is not None:
        check_functions(prepare=prepare)
    folds = []
    data = Arrays(*as_pair(data))
    for split in k_folds(data, k, seed=seed, stratify=are_classes(data[1])):
        if prepare is not None:
            split = _changed(split, prepare(split.train.inputs))
        random.seed(seed)
        trainer = _made(make, **(options or {}))
        trainer.fit(split.train, seed=seed, **{"progress": False, **fit})
        folds.append(trainer.evaluate(split.test))
    return Scores(options or {}, folds)


def _made(make: Callable[..., Trainer], **options: Any) -> Trainer:
    trainer = make(**options)
    check_kind("make(…)", trainer, Trainer, "let make return a graphdiff.Trainer")
    return trainer


def _changed(split: Split, change: Callable[[Array], Array]) -> Split:
    return Split(*(Arrays(change(part.inputs), part.labels) for part in split))


def search(
    make: Callable[..., Trainer],
    candidates: Iterable[Mapping[str, Any]],
    data: Arrays,
    *,
    k: int = 5,
    seed: int = 0,
    metric: str = "accuracy",
    **fit: Any,
) -> list[Scores]:
    """Cross-validate each set of hyperparameters; the best first.

    ``grid_options(lr=[0.1, 0.01], …)`` and ``random_options(10, lr=…)`` give candidates. One that diverges
    ends the search; with ``keep_going=True`` it comes last.

    Args:
        fit: passed to :func:`cross_validate`.

    Raises:
        ArgumentError: no candidates.
    """
    sets = entries("candidates", candidates)
    found = [cross_validate(make, data, k=k, seed=seed, options=c, **fit) for c in sets]
    if not found:
        raise ArgumentError("no candidates to choose from", fix="give at least one set of hyperparameters")
    return sorted(found, key=lambda s: (not math.isfinite(s.mean("loss")), cost(metric, s.mean(metric))))


def grid_options(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """Every combination of the values of each hyperparameter.

    Raises:
        ArgumentError: values that are no list of at least one.
    """
    from sklearn.model_selection import ParameterGrid

    try:
        return list(ParameterGrid(values))
    except (TypeError, ValueError, RuntimeError) as problem:
        raise _no_values(problem) from None


def _no_values(problem: Exception) -> ArgumentError:
    return ArgumentError(str(problem), fix="give each hyperparameter a list of values: lr=[0.1, 0.01]")


def random_options(count: int, *, seed: int = 0, **values: Any) -> list[dict[str, Any]]:
    """Random combinations (J. Bergstra, Y. Bengio: Random search for hyper-parameter optimization, 2012).

    Args:
        values: for each hyperparameter a sequence, or a distribution of ``scipy.stats`` such as
            ``loguniform(1e-4, 1)``.

    Raises:
        ArgumentError: values that are neither, or no such count or seed.
    """
    from sklearn.model_selection import ParameterSampler

    check_integers(count=count)
    check_seed(seed)
    if count < 0:
        raise ArgumentError(f"count={count}", fix="give at least 0")
    try:
        return list(ParameterSampler(values, count, random_state=seed))
    except (TypeError, ValueError, RuntimeError) as problem:
        raise _no_values(problem) from None


class Restarts(NamedTuple):
    """What :func:`random_restarts` found.

    Attributes:
        trainer: of the run that was kept.
        kept: its place among the runs.
        histories: of all runs.
        losses: of all training data, changed by the transform if there is one, after each run; that of the
            kept run is the lowest.
    """

    trainer: Trainer
    kept: int
    histories: list[History]
    losses: list[float]


def random_restarts(
    make: Callable[[], Trainer], train: Any, *, restarts: int = 5, seed: int = 0, **fit: Any
) -> Restarts:
    """Train from several initial values; keep the run with the lowest training loss.

    Args:
        make: gives a trainer with a fresh model; the shared random numbers start from seed, seed + 1, …

    Raises:
        ArgumentError: fewer than one restart.
    """
    check_functions(make=make)
    check_integers(restarts=restarts, seed=seed)
    if restarts < 1:
        raise ArgumentError(f"{restarts} restarts train nothing", fix="give at least 1")
    best: Trainer | None = None
    kept = 0
    histories: list[History] = []
    losses: list[float] = []
    for k in range(restarts):
        random.seed(seed + k)
        trainer = _made(make)
        histories.append(trainer.fit(train, seed=seed + k, **{"progress": False, **fit}))
        losses.append(trainer.evaluate(train, transform=fit.get("transform")).loss)
        if best is None or cost("loss", losses[k]) < cost("loss", losses[kept]):
            best, kept = trainer, k
    assert best is not None
    return Restarts(best, kept, histories, losses)
