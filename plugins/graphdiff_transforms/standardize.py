"""Centring and scaling, fitted on the training part and applied to every part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.train import Draws, Transform
from graphdiff.train.data import Array

Per = Literal["channel", "pixel", "all"]
_NUMBERS = 1 << 21  # in float64 at a time


class Standardize(Transform):
    """``(inputs − mean) / deviation``, as float32 (float64 of float64).

    Args:
        mean, deviation: what broadcasts with one example, such as (C, 1, 1) for images.

    Raises:
        ArgumentError: deviations that are not all above 0, or numbers that are not finite.
    """

    def __init__(self, mean: Any, deviation: Any) -> None:
        try:
            self.mean, self.deviation = np.asarray(mean, np.float64), np.asarray(deviation, np.float64)
        except (ValueError, TypeError, OverflowError) as problem:
            raise ArgumentError(f"Standardize: no numbers: {problem}", fix="give numbers or arrays") from None
        if not (np.isfinite(self.mean).all() and np.isfinite(self.deviation).all()):
            raise ArgumentError(
                "Standardize: a mean or deviation is not finite", fix="look for NaN in the data"
            )
        if not (self.deviation > 0).all():
            raise ArgumentError(f"Standardize: deviation={self.deviation}", fix="give numbers above 0")

    @classmethod
    def fit(
        cls, inputs: Array, *, mean: Per | None = "channel", deviation: Per | None = "channel"
    ) -> Standardize:
        """The means and standard deviations of some inputs: give the training part's, and no other's.

        What never varies is divided by 1.

        Args:
            inputs: (n, C, …).
            mean: ``"channel"``, one for each channel (VGG, ResNet); ``"pixel"``, one for each place of each
                channel, the mean image (AlexNet); ``"all"``, a single one; None, 0.
            deviation: likewise, the root of the mean squared difference from the mean; None, 1.

        Raises:
            ShapeError: no examples. ArgumentError: another word, or inputs that are not finite.
        """
        inputs = np.asarray(inputs)
        if inputs.ndim < 2 or not inputs.size:
            raise ShapeError(f"Standardize: inputs of shape {inputs.shape}", fix="give (n, channels, …)")
        centred = cls(_centre(inputs, mean) if mean else 0.0, 1.0)
        if not deviation:
            return centred
        spread = np.sqrt(_mean(inputs, deviation, lambda rows: np.square(rows - centred.mean)))
        return cls(centred.mean, np.where(spread == 0, 1, spread))

    def apply(self, inputs: Array, draws: Draws) -> Array:
        dtype = np.float64 if inputs.dtype == np.float64 else np.float32
        shape = inputs.shape[1:]
        if any(_joint(part, shape) != shape for part in (self.mean, self.deviation)):
            raise ShapeError(
                f"Standardize: inputs of shape {inputs.shape} with a mean of shape {self.mean.shape} and a "
                f"deviation of shape {self.deviation.shape}",
                fix="give inputs of the shape that it was fitted to",
            )
        result: Array = np.subtract(inputs, self.mean.astype(dtype), dtype=dtype, casting="unsafe")
        result /= self.deviation.astype(dtype)
        return result

    def state(self) -> dict[str, Any]:
        """What JSON can hold; ``Standardize(**state)`` is the same again."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    def __repr__(self) -> str:
        return f"Standardize(mean of shape {self.mean.shape}, deviation of shape {self.deviation.shape})"


def _centre(inputs: Array, per: Per) -> Array:
    """The means; of what never varies exactly, since they are those of the difference from one of them."""
    axes = _axes(inputs, per)
    one = inputs[tuple(slice(1) if axis in axes else slice(None) for axis in range(inputs.ndim))]
    pivot = one[0].astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        means: Array = pivot + _mean(inputs, per, lambda rows: rows - pivot)
    return means


def _mean(inputs: Array, per: Per, change: Callable[[Array], Array]) -> Array:
    """The means of the changed inputs, in float64 and in as little memory as some rows of them take."""
    axes = _axes(inputs, per)
    total = sum(change(rows).sum(axis=axes, keepdims=True) for rows in _float_rows(inputs))
    return np.asarray(total[0] / np.prod([inputs.shape[axis] for axis in axes]))


def _axes(inputs: Array, per: Per) -> tuple[int, ...]:
    every = tuple(range(inputs.ndim))
    known: dict[str, tuple[int, ...]] = {"channel": (0, *every[2:]), "pixel": (0,), "all": every}
    if per not in known:
        raise ArgumentError(f"Standardize: {per!r} is unknown", fix="use 'channel', 'pixel', 'all' or None")
    return known[per]


def _float_rows(inputs: Array) -> Iterator[Array]:
    step = max(1, _NUMBERS // inputs[0].size)
    for start in range(0, len(inputs), step):
        yield inputs[start : start + step].astype(np.float64)


def _joint(part: Array, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(part.shape, shape)
    except (ValueError, RuntimeError):  # of more axes than NumPy takes
        return None
