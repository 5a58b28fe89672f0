"""The checks that graphdiff's own operations pass, for anyone's functions and plugins.

``check_gradients`` compares the gradients of a function with finite differences. ``check_primitive``,
``check_layer``, ``check_loss``, ``check_optimizer``, ``check_model``, ``check_dataset`` and ``check_backend``
put a plugin through every check that the built-in ones pass: by a call, or one test per check
(:class:`graphdiff.testing.kit.Kit`). What is checked is drawn from *samples* that the plugin brings: by
Hypothesis, which makes smaller what fails, where that is installed, and at random elsewhere. More strategies
for Hypothesis are in :mod:`graphdiff.testing.strategies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphdiff.testing.backend import check_backend
from graphdiff.testing.dataset import check_dataset
from graphdiff.testing.gradients import (
    GradientCheckError,
    check_gradients,
    numerical_gradient,
    relative_error,
)
from graphdiff.testing.kit import Check, Kit, NotRunError, Results
from graphdiff.testing.layer import check_layer
from graphdiff.testing.loss import check_loss
from graphdiff.testing.model import check_model
from graphdiff.testing.optimizer import check_optimizer
from graphdiff.testing.primitive import CHECKS, Case, check_primitive
from graphdiff.testing.report import CheckError
from graphdiff.testing.source import RandomSource, Source

if TYPE_CHECKING:
    from graphdiff.testing.strategies import HypothesisSource, sources

__all__ = [
    "CHECKS",
    "Case",
    "Check",
    "CheckError",
    "GradientCheckError",
    "HypothesisSource",
    "Kit",
    "NotRunError",
    "RandomSource",
    "Results",
    "Source",
    "check_backend",
    "check_dataset",
    "check_gradients",
    "check_layer",
    "check_loss",
    "check_model",
    "check_optimizer",
    "check_primitive",
    "numerical_gradient",
    "relative_error",
    "sources",
]


def __getattr__(name: str) -> Any:
    if name in ("HypothesisSource", "sources"):
        from graphdiff.testing import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
