"""The learning-rate range test (L. Smith: Cyclical learning rates for training neural networks, WACV 2017,
section 3.3): train while the rate rises, and see from where to where the loss falls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from graphdiff.arguments import check_functions, check_integers, check_kind, check_numbers
from graphdiff.cell import Cell
from graphdiff.compile import compile
from graphdiff.errors import ArgumentError
from graphdiff.leaf import tensor
from graphdiff.module import Module
from graphdiff.tensor import Tensor
from graphdiff.train.data import Arrays, as_pair, batches
from graphdiff.train.optimizer import Optimizer
from graphdiff.train.splits import check_seed

_KEEP = 0.9  # of the running mean that smooths the losses
_MOST_STEPS = 1_000_000
_DIVERGED = 4.0  # times the best smoothed loss: enough was seen


class RangeTest(NamedTuple):
    """What :func:`range_test` saw.

    Attributes:
        rates: the learning rates tried, rising.
        losses: of the batch at each rate, before its step.
        smoothed: their running mean.
        suggestion: the rate at which the smoothed loss fell fastest per factor of the rate.
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float


def range_test(
    model: Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: Optimizer,
    data: Arrays,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> RangeTest:
    """Train with a rate that rises from ``lowest`` to ``highest`` by a factor per step; stop where the loss
    is no longer finite or four times the best. Frozen parameters stay; model and optimizer are left as they
    were.

    Args:
        loss: ``loss(model(inputs), labels)`` is the mean loss of a batch.
        data: taken in batches shuffled from the seed, again and again.
        steps: how many rates, at least 3.

    Raises:
        ArgumentError: no such rates or steps, data that make no batches, or a loss that is not finite at
            the lowest rates.
    """
    check_kind("model", model, Module, "give the model")
    check_kind("optimizer", optimizer, Optimizer, "make one: gd.optimizers.SGD(lr=0.1)")
    check_functions(loss=loss)
    check_numbers(lowest=lowest, highest=highest)
    check_integers(steps=steps, batch_size=batch_size)
    check_seed(seed)
    data = Arrays(*as_pair(data))
    if not 0 < lowest < highest < math.inf or not 3 <= steps <= _MOST_STEPS:
        raise ArgumentError(
            f"no {steps} rates from {lowest} to {highest}", fix="give 0 < lowest < highest, at least 3 steps"
        )

    def update(inputs: Tensor, labels: Tensor) -> Tensor:
        value = loss(model(inputs), labels)
        optimizer.step(model, value.backward(wrt=[p for p in model.parameters() if not p.frozen]))
        return value

    before, kept = [(cell, cell.data) for cell in _cells(model, optimizer)], set(optimizer.state)
    try:
        rates = np.geomspace(float(lowest), float(highest), steps).tolist()
        return _curve(compile(update), optimizer, rates, _endless(data, batch_size, seed))
    finally:
        for cell, value in before:
            cell.data = value
        for path in optimizer.state.keys() - kept:
            del optimizer.state[path]


def _cells(model: Module, optimizer: Optimizer) -> Iterator[Cell]:
    yield from (cell for _, cell in model.named_cells())
    for cells in optimizer.state.values():
        yield from cells.values()


def _curve(
    step: Callable[[Tensor, Tensor], Tensor],
    optimizer: Optimizer,
    rates: Sequence[float],
    supply: Iterator[Arrays],
) -> RangeTest:
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    for rate, batch in zip(rates, supply, strict=False):
        optimizer.lr = rate
        value = float(step(tensor(batch.inputs), tensor(batch.labels)).item())
        if not math.isfinite(value):
            break
        losses.append(value)
        mean = _KEEP * mean + (1 - _KEEP) * value
        smoothed.append(mean / (1 - _KEEP ** len(losses)))
        if smoothed[-1] > _DIVERGED * min(smoothed):
            break
    if len(losses) < 3:
        raise ArgumentError(
            f"the loss is not finite from the rate {rates[len(losses)]:g} on", fix="begin with a lower rate"
        )
    tried = rates[: len(losses)]
    slopes = np.gradient(smoothed, np.log(tried))
    return RangeTest(list(tried), losses, smoothed, tried[int(np.argmin(slopes))])


def _endless(data: Arrays, size: int, seed: int) -> Iterator[Arrays]:
    rng = np.random.default_rng(seed)
    while True:
        yield from batches(Arrays(*data), size, rng)
