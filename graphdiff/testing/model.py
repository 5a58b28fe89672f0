"""The checks that every model passes, a plugin's too: those of a layer that also fit a large one, and its
head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from graphdiff.errors import ArgumentError
from graphdiff.module import Module
from graphdiff.testing import layer_behaviour, layer_derivatives, running
from graphdiff.testing.gradients import GradientCheckError
from graphdiff.testing.kit import Check, Kit, NotRunError
from graphdiff.testing.layer import samples_of
from graphdiff.testing.module import Array, ModuleCase, Samples, Way, weights
from graphdiff.train import replace_head

_EPS, _RTOL = 1e-6, 1e-3
_CLASSES = 5


@dataclass(frozen=True, eq=False)
class ModelCase(ModuleCase):
    """A model on one sample of inputs. What a layer is tried in three ways for, it is in one."""

    ways: tuple[Way, ...] = ((True, "float32"),)


def check_gradients(case: ModelCase) -> None:
    """All gradients are finite, and along one direction the loss changes as they say.

    The direction is half that of the gradients and half one that no parameter escapes, of length 1: along
    longer ones a deep network passes many kinks.
    """
    run = case.run()
    for name, g in run.gradients.items():
        if not np.isfinite(g).all():
            raise AssertionError(f"the gradient by {name} is not finite")
    size = _norm(run.gradients)
    even = {name: weights(g.shape, k) for k, (name, g) in enumerate(run.gradients.items())}
    along = {n: g / max(size, 1e-12) + even[n] / _norm(even) for n, g in run.gradients.items()}
    found = sum(float(np.sum(g * along[name])) for name, g in run.gradients.items())
    moved = [{n: v + sign * _EPS * along[n] for n, v in case.point.items()} for sign in (1, -1)]
    high, low = (case.at(point).loss.item() for point in moved)
    expected = (high - low) / (2 * _EPS)
    if not abs(found - expected) <= 1e-6 * max(1.0, abs(run.loss.item())) + _RTOL * size:
        raise GradientCheckError(
            f"along a direction of all parameters the gradients say {found:.9g}, differences {expected:.9g}"
        )


def _norm(values: Mapping[str, Array]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(x)) for x in values.values())))


def check_head(case: ModelCase) -> None:
    """``replace_head`` gives it another number of classes and leaves all other state as it is."""
    model = case.fresh(training=False)
    before = model.state_dict()
    try:
        replace_head(model, _CLASSES)
    except ArgumentError as reason:
        raise NotRunError(f"the model has no head to replace: {reason.what}") from reason
    for t in case.run(model).outputs:
        if t.shape[-1] != _CLASSES:
            raise AssertionError(f"with a head for {_CLASSES} classes the output has shape {t.shape}")
    after = model.state_dict()
    same = [name for name in before if name in after and before[name].shape == after[name].shape]
    changed = [name for name in same if not np.array_equal(before[name], after[name])]
    if len(same) == len(before) or changed:
        raise AssertionError(f"replacing the head changed {changed}, and the shapes of none but {same}")


_AS_LAYERS = (
    *("spec", "unmutated", "aliasing", "layout", "deterministic"),
    *("modes", "state", "copies", "drawing"),
)
CHECKS: Mapping[str, Callable[[Any], None]] = {
    "gradients": check_gradients,
    "cotangents": layer_derivatives.check_cotangents,
    **{name: layer_behaviour.CHECKS[name] for name in _AS_LAYERS},
    "head": check_head,
    "compiled": running.check_compiled,
    "backends": running.check_backends,
}
"""The checks that need nothing but the model and samples of it."""


@Kit
def check_model(
    model: Callable[..., Module],
    samples: Samples | None = None,
    *,
    examples: int = 2,
    seed: int = 0,
) -> Iterable[Check]:
    """Put a model through every check: gradients along a direction, specs, memory, modes, state, copies,
    drawing, another head, compiled calls, another backend.

    Args:
        model: a function that makes one, or its class.
        samples: ``samples(source) -> (model, inputs)``: a small one, and a batch that suits it; by default
            the function's own ``samples``.
        examples: how many samples each check draws.
        seed: of the draws; a failure can be repeated.

    Raises:
        CheckError: a check failed; the report on its smallest failing sample.
        ArgumentError: no samples, or an expected failure of an unknown check.
    """
    name = getattr(model, "__name__", repr(model))
    draw = partial(ModelCase.draw, samples_of(model, samples, name))
    return [Check("check_model", name, key, draw, run, examples, seed) for key, run in CHECKS.items()]
