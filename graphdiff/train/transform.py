"""What changes inputs on their way to the model: augmentation and preprocessing, one contract."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from graphdiff.arguments import shown
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.train.data import Array
from graphdiff.train.draws import Draws


class Transform(ABC):
    """Changes a batch of inputs; never the array it is given.

    What is random in it is drawn per example from ``seed``, ``epoch`` and the example's index in its data set
    (:class:`Draws`). So an example comes out the same in any batch, an interrupted run goes on as it would
    have, and every epoch shows another variant. A subclass writes :meth:`apply`.
    """

    def __call__(
        self, inputs: Array, *, seed: int = 0, epoch: int = 0, indices: Array | None = None
    ) -> Array:
        """The changed inputs.

        Args:
            inputs: (n, …).
            seed, epoch: what the random numbers are drawn from.
            indices: (n,) integers, the place of each example in its data set; 0 … n − 1 by default.

        Raises:
            ShapeError, ArgumentError: indices that are none, or of another number.
        """
        try:
            inputs, where = np.asarray(inputs), None if indices is None else np.asarray(indices)
        except (ValueError, TypeError, RuntimeError) as problem:
            raise ArgumentError(f"no array of inputs: {problem}", fix="give an array (n, …)") from None
        if not inputs.ndim:
            raise ShapeError(
                f"{type(self).__name__}: {shown(inputs)} is no batch", fix="give an array (n, …)"
            )
        where = np.arange(len(inputs)) if where is None else where
        if where.shape != inputs.shape[:1]:
            raise ShapeError(
                f"{type(self).__name__}: {where.size} indices for {len(inputs)} inputs",
                fix="give the index of each in its data set",
            )
        return self.apply(inputs, Draws(seed, epoch, where))

    @abstractmethod
    def apply(self, inputs: Array, draws: Draws) -> Array:
        """The changed inputs, what is random in them taken from ``draws``."""
