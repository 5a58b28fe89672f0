"""The checks that every loss passes, a plugin's too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from graphdiff.errors import ArgumentError
from graphdiff.module import Module
from graphdiff.tensor import Tensor
from graphdiff.testing import layer_behaviour, layer_derivatives, running
from graphdiff.testing.comparing import tolerance_of
from graphdiff.testing.kit import EXAMPLES, Check, Kit, NotRunError
from graphdiff.testing.layer import samples_of
from graphdiff.testing.module import ModuleCase, Samples
from graphdiff.testing.source import Source

REDUCTIONS = ("none", "sum", "mean")


class Reduced(Module):
    """A loss as a module of its inputs, which gives it under every reduction it knows; the mean of no
    predictions, which is NaN, is left out."""

    def __init__(self, loss: Callable[..., Tensor], predictions: Any) -> None:
        self.loss = loss
        self.reductions = REDUCTIONS if np.size(predictions) else REDUCTIONS[:-1]

    @property
    def reduces(self) -> bool:
        return "reduction" in inspect.signature(self.loss).parameters

    def forward(self, *inputs: Any) -> Sequence[Tensor]:
        if not self.reduces:
            return [self.loss(*inputs)]
        return [self.loss(*inputs, reduction=reduction) for reduction in self.reductions]


@dataclass(frozen=True, eq=False)
class LossCase(ModuleCase):
    """A loss on one sample of predictions and targets."""

    module: Reduced

    @classmethod
    def of(cls, samples: Samples, source: Source) -> LossCase:
        loss, inputs = samples(source)
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        drawn = ModuleCase.draw(lambda _: (Reduced(loss, given[0]), given), source)
        assert isinstance(drawn.module, Reduced)
        return cls(drawn.module, drawn.inputs)

    def values(self, *inputs: Any) -> list[float]:
        """The sum and the mean, or the one number."""
        return [t.item() for t in self.module(*inputs)[-2:] if not t.shape]


def check_reductions(case: LossCase) -> None:
    """ "sum" is the sum of "none", "mean" a fixed share of it whatever is predicted; others are refused."""
    if not case.module.reduces:
        raise NotRunError("the loss has no argument called reduction")
    _refuses_others(case)
    if len(case.module.reductions) < len(REDUCTIONS):
        return
    shares = []
    for step in (0.0, 0.125):
        inputs = [case.inputs[0] + step, *case.inputs[1:]]
        each, whole, mean = (np.asarray(t) for t in case.module(*inputs))
        if whole.shape or mean.shape:
            raise AssertionError(f"sum and mean have shapes {whole.shape} and {mean.shape}, not ()")
        if not np.allclose(each.sum(), whole, rtol=1e-9, atol=1e-12):
            raise AssertionError(f"reduction='sum' is {whole}, the sum of reduction='none' {each.sum()}")
        shares.append(mean / whole if abs(whole) > 1e-6 else np.nan)
    if not np.isnan(shares).any() and not np.isclose(shares[0], shares[1], rtol=1e-6):
        raise AssertionError(f"the mean is {shares[0]} of the sum, and {shares[1]} for other predictions")


def _refuses_others(case: LossCase) -> None:
    try:
        case.module.loss(*case.inputs, reduction="median")
    except ArgumentError:
        return
    raise AssertionError("reduction='median' is not refused")


def check_large(case: LossCase) -> None:
    """Predictions a thousand times as large give finite losses and gradients."""
    run = case.run(inputs=[case.inputs[0] * 1e3, *case.inputs[1:]])
    found = {f"output {k}": np.asarray(t) for k, t in enumerate(run.outputs)} | run.gradients
    for name, value in found.items():
        if not np.isfinite(value).all():
            raise AssertionError(f"{name} is {value} for predictions of {case.inputs[0] * 1e3}")


def check_descent(case: LossCase) -> None:
    """A small step against the gradient by the predictions does not raise the loss."""
    run = case.run()
    back = run.outputs[-1].sum().backward(wrt=[run.leaves["input 0"]])
    slope = np.asarray(back[run.leaves["input 0"]])
    stepped = case.inputs[0] - 1e-4 * slope
    before, after = (case.values(x, *case.inputs[1:])[-1] for x in (case.inputs[0], stepped))
    if after > before + tolerance_of("float64") * max(1.0, abs(before)):
        raise AssertionError(f"against the gradient the loss goes from {before} up to {after}")


def _minimum(best: Samples | None) -> Callable[[Any], None]:
    """The check that where predictions are best the gradient is 0 and no move lowers the loss."""

    def check(case: LossCase) -> None:
        if best is None:
            raise NotRunError("no best predictions are declared: minimum=lambda source: (loss, inputs)")
        slope = case.run().gradients["input 0"]
        if np.abs(slope).max(initial=0) > 1e-6:
            raise AssertionError(f"the gradient by the best predictions is\n{slope}")
        moved = case.inputs[0] + np.cos(np.arange(case.inputs[0].size)).reshape(slope.shape) / 8
        low, high = (case.values(x, *case.inputs[1:])[0] for x in (case.inputs[0], moved))
        if high < low - 1e-9:
            raise AssertionError(f"the loss of the best predictions is {low}, beside them {high}")

    return check


_OF_MODULES = ("spec", "dtype", "unmutated", "aliasing", "layout", "deterministic", "drawing")
CHECKS: Mapping[str, Callable[[Any], None]] = {
    **layer_derivatives.CHECKS,
    **{name: layer_behaviour.CHECKS[name] for name in _OF_MODULES},
    "reductions": check_reductions,
    "large": check_large,
    "descent": check_descent,
    "compiled": running.check_compiled,
    "backends": running.check_backends,
}
"""The checks that need nothing but the loss and samples of it."""


@Kit
def check_loss(
    loss: Callable[..., Tensor],
    samples: Samples | None = None,
    *,
    minimum: Samples | None = None,
    refusals: Mapping[str, Callable[[], Any]] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
) -> Iterable[Check]:
    """Put a loss through every check: its derivatives by every floating input, reductions, large predictions,
    descent, precision, memory, compiled calls, another backend.

    Args:
        loss: ``loss(predictions, targets, …, reduction=…)``.
        samples: ``samples(source) -> (loss, inputs)``, the loss with its options filled in
            (:func:`functools.partial`), predictions first among the inputs; by default ``loss.samples``.
        minimum: the same, with the best predictions there are for the targets.
        refusals: what must be refused -> a call that must raise a :class:`graphdiff.GraphdiffError` with a
            fix.
        examples: how many samples each check draws.
        seed: of the draws; a failure can be repeated.

    Raises:
        CheckError: a check failed; the report on its smallest failing sample.
        ArgumentError: no samples, or an expected failure of an unknown check.
    """
    name = getattr(loss, "__name__", repr(loss))
    draw = partial(LossCase.of, samples_of(loss, samples, name))
    at_best = partial(LossCase.of, minimum) if minimum else draw
    refused = layer_behaviour.refusals(dict(refusals or {}))
    made = partial(Check, "check_loss", name, examples=examples, seed=seed)
    return [
        *(made(key, draw, run) for key, run in CHECKS.items()),
        made("minimum", at_best, _minimum(minimum)),
        made("refusals", draw, refused),
    ]
