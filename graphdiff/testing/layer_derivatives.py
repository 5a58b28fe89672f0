"""The derivatives of a layer: against differences to second order, of the right shapes, and linear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff.tensor import Tensor
from graphdiff.testing.comparing import equal, tolerance_of
from graphdiff.testing.gradients import GradientCheckError, compare, numerical_gradient
from graphdiff.testing.module import (
    Array,
    ModuleCase,
    Point,
    Run,
    Slopes,
    curved,
    projected,
    weighted,
    weights,
)

_EPS, _RTOL, _ATOL = 1e-6, 1e-4, 1e-6
Function = Callable[[Point], tuple[Tensor, Run]]  # a number, and the leaves that it depends on


def check_gradients(case: ModuleCase) -> None:
    """The gradients by every floating input and parameter are those of finite differences."""
    _differences(case, "first-order", lambda point: ((run := case.at(point)).loss, run))


def check_second_order(case: ModuleCase) -> None:
    """So are the gradients of a projection of the gradients."""

    def slope(point: Point) -> tuple[Tensor, Run]:
        run = case.at(point)
        back = curved(run.outputs).backward(wrt=list(run.leaves.values()))
        return weighted([back[t] for t in run.leaves.values()], start=0.5), run

    _differences(case, "second-order", slope)


def _differences(case: ModuleCase, order: str, function: Function) -> None:
    if not case.run().smooth:
        return
    value, run = function(case.point)
    back = value.backward(wrt=list(run.leaves.values()))
    scale = max(1.0, abs(value.item()))
    for name, leaf in run.leaves.items():
        along = weights(leaf.shape, start=0.25)
        found = float(np.sum(np.asarray(back[leaf]) * along))
        moved = [{**case.point, name: case.point[name] + sign * _EPS * along} for sign in (1, -1)]
        high, low = (function(point)[0].item() for point in moved)
        expected = (high - low) / (2 * _EPS)
        if not abs(found - expected) <= _ATOL * scale + _RTOL * abs(expected):
            _explained(case, order, function, name, back[leaf])
            raise GradientCheckError(
                f"the {order} gradient by {name} along a direction is {found:.9g}, "
                f"differences give {expected:.9g}"
            )


def _explained(case: ModuleCase, order: str, function: Function, name: str, analytic: Tensor) -> None:
    """Raise which elements are wrong."""

    def of_one(x: Any) -> float:
        return float(function({**case.point, name: x})[0].item())

    numerical = numerical_gradient(of_one, case.point[name], _EPS)
    compare(f"the {order}", name, analytic, numerical, _RTOL, _ATOL)


def check_cotangents(case: ModuleCase) -> None:
    """Every gradient has the shape and dtype of what it is by."""
    run = case.run()
    back = run.backward()
    if back is None:
        return
    for name, leaf in run.leaves.items():
        if back[leaf].spec is not leaf.spec:
            raise AssertionError(f"the gradient by {name}, {leaf.spec!r}, is {back[leaf].spec!r}")


def check_linearity(case: ModuleCase) -> None:
    """The gradients are linear in the upstream gradient."""
    a, b = 0.75, -1.25
    if not case.run().smooth:
        return

    def pulled(slopes: Slopes) -> dict[str, Array]:
        run = case.run()
        back = projected(run.outputs, slopes).backward(wrt=list(run.leaves.values()))
        return {name: np.asarray(back[t]) for name, t in run.leaves.items()}

    one = pulled(weights)
    two = pulled(lambda shape, k: weights(shape, k + 0.5))
    both = pulled(lambda shape, k: a * weights(shape, k) + b * weights(shape, k + 0.5))
    for name, found in both.items():
        expected = a * one[name] + b * two[name]
        equal(f"the gradient by {name} of a sum", found, expected, tolerance_of("float64"))


CHECKS: dict[str, Callable[[ModuleCase], None]] = {
    "gradients": check_gradients,
    "second_order": check_second_order,
    "cotangents": check_cotangents,
    "linearity": check_linearity,
}
