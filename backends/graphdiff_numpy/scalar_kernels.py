"""Float64 scalars, many times cheaper than by what serves arrays and the same to the last bit.

NumPy's functions spend half a microsecond on a scalar before they compute, and switching its warnings off
takes as long again. Python's arithmetic on floats is IEEE 754's too and warns of nothing; transcendental
functions stay NumPy's, without the switch where the operand lies in a range in which none of them warns.
Whatever is no float64 scalar, or lies outside, goes to the kernel for arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff.kernels import Kernels

Array = Any
Kernel = Callable[..., Array]
_Scalar = np.float64
_ZERO = _Scalar(0.0)
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": float.__add__,
    "subtract": float.__sub__,
    "multiply": float.__mul__,
    "divide": float.__truediv__,
}
# Where |x| lies between 1e-100 and this, no result overflows, underflows or is invalid.
_QUIET_TO = dict.fromkeys("sin cos tan tanh arctan arcsinh".split(), 1e100) | dict.fromkeys(
    "exp expm1 sinh cosh".split(), 700.0
)


def _arithmetic(compute: Callable[..., Any], kernel: Kernel) -> Kernel:
    # Of anything but floats Python makes an error or NotImplemented, of which no float64 can be made.
    def run(x: Array, y: Array) -> Array:
        try:
            return _Scalar(compute(x, y))
        except (TypeError, ZeroDivisionError):
            return kernel(x, y)

    return run


def _quiet_to(high: float, bare: Kernel, kernel: Kernel) -> Kernel:
    def run(x: Array) -> Array:
        return bare(x) if type(x) is _Scalar and 1e-100 < abs(x) < high else kernel(x)

    return run


def _negative(kernel: Kernel) -> Kernel:
    return lambda x: -x if type(x) is _Scalar else kernel(x)


def _square(kernel: Kernel) -> Kernel:
    return lambda x: _Scalar(float.__mul__(x, x)) if type(x) is _Scalar else kernel(x)


def _relu(kernel: Kernel) -> Kernel:
    def run(x: Array) -> Array:
        if type(x) is _Scalar:
            return x if x > 0.0 or x != x else _ZERO
        return kernel(x)

    return run


def _relu_grad(kernel: Kernel) -> Kernel:
    def run(g: Array, x: Array) -> Array:
        if type(x) is _Scalar and type(g) is _Scalar:
            return _ZERO if x <= 0.0 else g
        return kernel(g, x)

    return run


def bare_scalars(kernels: Kernels) -> Kernels:
    """Kernels without the switch, taking the short way for scalars: operators, which are silent there."""
    return kernels | {
        "add": operator.add,
        "subtract": operator.sub,
        "multiply": operator.mul,
        "divide": operator.truediv,
        "negative": operator.neg,
        "square": lambda x: x * x,
        "relu": _relu(kernels["relu"]),
        "relu_grad": _relu_grad(kernels["relu_grad"]),
    }


def with_scalars(kernels: Kernels, bare: Kernels) -> Kernels:
    """The kernels, taking the short way for float64 scalars.

    Args:
        bare: the same without the switch.
    """
    own = {"negative": _negative, "square": _square, "relu": _relu, "relu_grad": _relu_grad}
    return (
        kernels
        | {name: _arithmetic(compute, kernels[name]) for name, compute in _ARITHMETIC.items()}
        | {name: _quiet_to(high, bare[name], kernels[name]) for name, high in _QUIET_TO.items()}
        | {name: short(kernels[name]) for name, short in own.items()}
    )
