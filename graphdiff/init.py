"""Initial values of weights, so scaled that signals keep their variance from layer to layer::

    conv.weight.assign(gd.init.kaiming_normal(conv.weight, mode="fan_out", nonlinearity="relu"))

A weight has the layout of :func:`graphdiff.conv2d` and of Linear: (outputs, inputs, …), the rest being the
size of a filter. Nothing is changed here: the values are returned.

- X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS
  2010, section 4.2.1 (Xavier).
- K. He et al.: Delving deep into rectifiers, arXiv:1502.01852, section 2.2 (Kaiming).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphdiff.arguments import check_choice, check_numbers, shown
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.graph import TensorSpec
from graphdiff.random import generator

Array = np.ndarray[Any, Any]

# How much a function shrinks the deviation of what goes through it, undone.
_GAINS: dict[str, Callable[[float], float]] = {
    "linear": lambda slope: 1.0,
    "sigmoid": lambda slope: 1.0,
    "tanh": lambda slope: 5 / 3,
    "relu": lambda slope: math.sqrt(2),
    "leaky_relu": lambda slope: math.sqrt(2 / (1 + slope * slope)),
    "selu": lambda slope: 3 / 4,
}


_LARGEST = 1e100


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """By what to scale the weights before a nonlinearity, as torch has it.

    Args:
        nonlinearity: linear, sigmoid, tanh, relu, leaky_relu or selu.
        slope: of the leaky ReLU (He et al., equation 15).

    Raises:
        ArgumentError: another nonlinearity.
    """
    check_choice("nonlinearity", nonlinearity, _GAINS)
    check_numbers(slope=slope)
    if not math.isfinite(slope):
        raise ArgumentError(f"slope={slope}", fix="give a finite number")
    return _GAINS[nonlinearity](float(slope))


def fans(weight: Any) -> tuple[int, int]:
    """How many numbers go into one output of a weight, and how many outputs one input goes into.

    Args:
        weight: a tensor or array, or its shape: (outputs, inputs, …).

    Raises:
        ShapeError: fewer than two axes, or no elements. ArgumentError: what has no shape.
    """
    shape = _shape(weight)
    if len(shape) < 2 or not all(shape):
        raise ShapeError(
            f"a weight of shape {shape} has no inputs and outputs",
            fix="initialise weights of at least two axes so; biases commonly start at 0",
        )
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def xavier_uniform(weight: Any, gain: float = 1.0, *, seed: int | None = None) -> Array:
    """U(−b, b) with b = gain · √(6 / (fan in + fan out)) (Glorot and Bengio 2010, equation 16).

    Args:
        weight: a tensor or array, or its shape.
        seed: for the values; the shared random numbers by default.

    Returns:
        float64, of the weight's shape.
    """
    return _uniform(weight, _xavier_deviation(weight, gain), seed)


def xavier_normal(weight: Any, gain: float = 1.0, *, seed: int | None = None) -> Array:
    """N(0, σ²) with σ = gain · √(2 / (fan in + fan out)) (Glorot and Bengio 2010, equation 12).

    Arguments and result as for :func:`xavier_uniform`.
    """
    return _normal(weight, _xavier_deviation(weight, gain), seed)


def kaiming_uniform(
    weight: Any,
    slope: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    seed: int | None = None,
) -> Array:
    """U(−b, b) with b = gain · √(3 / fan) (He et al. 2015, section 2.2).

    Args:
        weight: a tensor or array, or its shape.
        slope: of the leaky ReLU that follows; 0 for ReLU.
        mode: "fan_in" keeps the variance of values (equation 10), "fan_out" that of gradients (14).
        nonlinearity: what follows, as for :func:`gain`.
        seed: for the values; the shared random numbers by default.

    Returns:
        float64, of the weight's shape.

    Raises:
        ArgumentError: another mode or nonlinearity. ShapeError: fewer than two axes.
    """
    return _uniform(weight, _kaiming_deviation(weight, slope, mode, nonlinearity), seed)


def kaiming_normal(
    weight: Any,
    slope: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    seed: int | None = None,
) -> Array:
    """N(0, σ²) with σ = gain / √fan (He et al. 2015, section 2.2).

    Arguments, result and errors as for :func:`kaiming_uniform`.
    """
    return _normal(weight, _kaiming_deviation(weight, slope, mode, nonlinearity), seed)


def _xavier_deviation(weight: Any, gain: float) -> float:
    check_numbers(gain=gain)
    if not 0 < gain < _LARGEST:
        raise ArgumentError(f"gain={gain}", fix="give a number above 0")
    return float(gain) * math.sqrt(2 / sum(fans(weight)))


def _kaiming_deviation(weight: Any, slope: float, mode: str, nonlinearity: str) -> float:
    check_choice("mode", mode, ("fan_in", "fan_out"))
    return gain(nonlinearity, slope) / math.sqrt(fans(weight)[mode == "fan_out"])


def _uniform(weight: Any, deviation: float, seed: int | None) -> Array:
    bound = math.sqrt(3) * deviation
    return generator(seed).uniform(-bound, bound, _shape(weight))


def _normal(weight: Any, deviation: float, seed: int | None) -> Array:
    return generator(seed).normal(0, deviation, _shape(weight))


def _shape(weight: Any) -> tuple[int, ...]:
    shape = weight if isinstance(weight, (tuple, list)) else getattr(weight, "shape", None)
    if not isinstance(shape, (tuple, list)):
        raise ArgumentError(f"weight={shown(weight)} has no shape", fix="give a tensor, an array or a shape")
    return TensorSpec(shape, "float64").shape
