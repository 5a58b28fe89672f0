"""Gradients against central finite differences, in float64, to any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphdiff.arguments import check_functions, check_integers, check_numbers
from graphdiff.autodiff import grad
from graphdiff.dtypes import as_dtype
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.leaf import as_tensor, tensor
from graphdiff.ops import sum as total
from graphdiff.random import generator
from graphdiff.tensor import Tensor

Array = np.ndarray[Any, Any]
EPS = 1e-6
RTOL = 1e-5
ATOL = 1e-7
_ORDINALS = {1: "first", 2: "second", 3: "third"}


class GradientCheckError(AssertionError):
    """An analytic gradient that finite differences do not confirm.

    Attributes:
        analytic, numerical: the two gradients, where both are known.
    """

    def __init__(self, what: str, analytic: Array | None = None, numerical: Array | None = None) -> None:
        super().__init__(what)
        self.analytic = analytic
        self.numerical = numerical


def relative_error(analytic: Any, numerical: Any) -> Array:
    """``|a − n| / max(|a|, |n|)`` element by element; 0 where both are equal.

    Raises:
        ShapeError: two shapes.
    """
    a, n = (as_tensor(side).numpy().astype(np.float64) for side in (analytic, numerical))
    if a.shape != n.shape:
        raise ShapeError(f"shapes {a.shape} and {n.shape} differ", fix="give gradients of one shape")
    with np.errstate(invalid="ignore"):
        difference, scale = np.abs(a - n), np.maximum(np.abs(a), np.abs(n))
        return np.where(a == n, 0.0, difference / np.where(scale == 0, 1.0, scale))


def numerical_gradient(fn: Callable[[Array], Any], x: Any, eps: float = EPS) -> Array:
    """The gradient of a scalar function by central differences.

    Args:
        fn: takes an array of the shape of x, returns one number (or a tensor of one element).
        x: where; it is not changed.
        eps: half the distance of the two points. The error is about ``eps²`` times the third derivative
            plus 1e-16/``eps`` times the value.

    Returns:
        A float64 array of the shape of x.
    """
    check_functions(fn=fn)
    check_numbers(eps=eps)
    if not eps > 0:
        raise ArgumentError(f"eps={eps} is no distance", fix="give eps > 0")
    at = np.array(as_tensor(x).numpy(), np.float64)
    result = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        middle = at[place]
        at[place] = above = middle + eps
        high = _number(fn(at.copy()))
        at[place] = below = middle - eps
        low = _number(fn(at.copy()))
        at[place] = middle
        # above − below is what the rounded points really lie apart.
        result[place] = (high - low) / (above - below)
    return result


def _number(value: Any) -> float:
    value = as_tensor(value)
    if value.size != 1:
        raise ArgumentError(f"the function gave shape {value.shape}, not one number", fix="reduce it: .sum()")
    return float(value.item())


def check_gradients(
    fn: Callable[..., Any],
    *args: Any,
    order: int = 2,
    eps: float = EPS,
    rtol: float = RTOL,
    atol: float = ATOL,
    seed: int = 0,
) -> None:
    """Check the gradients of ``fn(*args)`` with respect to every floating argument.

    A result of several elements is projected on random directions first. The second order is the gradient
    of a random projection of the gradient, and so on.

    Args:
        fn: a function of tensors that returns one floating tensor; smooth around ``args``.
        args: tensors, arrays or numbers; floating ones are taken in float64 and differentiated, the rest
            is handed on as tensors.
        order: up to which order to check, at least 1.
        eps: as for :func:`numerical_gradient`.
        rtol, atol: an element passes where ``|analytic − numerical| ≤ atol + rtol · |numerical|``.
        seed: of the random directions.

    Raises:
        GradientCheckError: naming the argument, the worst element, both values and their relative error.
        ArgumentError: no floating argument, or an order below 1.
    """
    check_functions(fn=fn)
    check_integers(order=order)
    check_numbers(eps=eps, rtol=rtol, atol=atol)
    values = [_checked(a) for a in args]
    places = [i for i, v in enumerate(values) if as_dtype(v.dtype).is_floating]
    if not places or order < 1:
        error = ArgumentError(
            f"there is nothing to check: order {order}, {len(places)} floating arguments of {len(args)}",
            fix="pass floating arguments (1.0, not 1) and an order of at least 1",
        )
        error.locate("check_gradients")
        raise error
    rng = generator(seed)
    name = getattr(fn, "__name__", repr(fn))
    slope = _projection(lambda *xs: (_applied(fn, values, places, xs),), rng)
    points = [values[i] for i in places]
    for k in range(1, order + 1):
        gradient = grad(slope, tuple(range(len(points))))
        found = gradient(*points)
        for argnum, i in enumerate(places):
            numerical = numerical_gradient(_along(slope, points, argnum), points[argnum], eps)
            compare(f"{name}: {_ORDINALS.get(k, k)}-order", i, found[argnum], numerical, rtol, atol)
        slope = _projection(gradient, rng)


def _checked(value: Any) -> Array:
    array = as_tensor(value).numpy()
    return array.astype(np.float64) if as_dtype(array.dtype).is_floating else array


def _applied(
    fn: Callable[..., Any], values: Sequence[Array], places: Sequence[int], xs: Sequence[Any]
) -> Tensor:
    """``fn`` of all arguments, ``xs`` standing at the given places."""
    given = dict(zip(places, xs, strict=True))
    return as_tensor(fn(*(as_tensor(given[i]) if i in given else tensor(v) for i, v in enumerate(values))))


def _projection(fn: Callable[..., Sequence[Tensor]], rng: np.random.Generator) -> Callable[..., Tensor]:
    """The sum of the products of all results with random directions, which stay the same."""
    directions: list[Array] = []

    def projected(*xs: Any) -> Tensor:
        results = fn(*xs)
        if not directions:
            directions.extend(rng.uniform(0.5, 1.5, t.shape) * rng.choice([-1, 1], t.shape) for t in results)
        parts = [total(t * tensor(d, t.dtype)) for t, d in zip(results, directions, strict=True)]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole + part
        return whole

    return projected


def _along(fn: Callable[..., Tensor], points: Sequence[Array], argnum: int) -> Callable[[Array], float]:
    """``fn`` as a function of one of its arguments."""
    return lambda x: float(fn(*(x if k == argnum else p for k, p in enumerate(points))))


def compare(what: str, argument: Any, found: Tensor, numerical: Array, rtol: float, atol: float) -> None:
    """The gradient by an argument against finite differences, element by element.

    Raises:
        GradientCheckError: naming the argument, the worst element, both values and their relative error.
    """
    analytic = found.numpy()
    if analytic.shape != numerical.shape:
        raise GradientCheckError(
            f"{what} gradient by argument {argument} has shape {analytic.shape}, "
            f"the argument {numerical.shape}",
            analytic,
            numerical,
        )
    # "not within" rather than "beyond", so that a NaN on either side fails.
    excess = np.abs(analytic - numerical) - (atol + rtol * np.abs(numerical))
    wrong = ~(excess <= 0)
    if wrong.any():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), excess.shape)
        place = tuple(int(i) for i in worst)
        relative = float(relative_error(analytic, numerical)[place])
        raise GradientCheckError(
            f"{what} gradient by argument {argument} is wrong in {int(wrong.sum())} of {wrong.size} "
            f"elements, worst at {place}: analytic {analytic[place]:.9g}, numerical {numerical[place]:.9g}, "
            f"relative error {relative:.3g}",
            analytic,
            numerical,
        )
