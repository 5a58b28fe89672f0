"""Dropout."""

from __future__ import annotations

from typing import Any

import graphdiff as gd
from graphdiff.arguments import check_numbers
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.ops.common import located
from graphdiff.ops.random import random_bernoulli


def _dropout(x: gd.Tensor, key: gd.Tensor, p: float) -> gd.Tensor:
    return x * (1 / (1 - p)) * gd.cast(random_bernoulli(key, shape=x.shape, p=1 - p), x.dtype)


def _samples(s: Any) -> tuple[list[Any], dict[str, float]]:
    return [s.array(s.shape()), s.integers((2,), 0, 99)], {"p": s.choice([0.5, 0.25, 0.9])}


# The mask is not kept: the backward pass draws the same one from the same key.
dropout: gd.Composite = gd.Composite(
    "dropout",
    _dropout,
    vjp=(lambda g, out, x, key, p: dropout(g, key, p=p), None),
    linear=True,
    formula=("1/(1 − p) where kept, else 0", ""),
    samples=_samples,
)


class Dropout(gd.Module):
    """In training, every element becomes 0 with probability p and 1/(1 − p) times itself otherwise, anew on
    each call, so that its mean stays (Srivastava et al. 2014, section 10); in evaluation, x itself.

    Args:
        p: 0 ≤ p ≤ 1.
        seed: of the layer's random numbers; by default :func:`graphdiff.seed` decides.

    Attributes:
        stream: where its keys come from (:class:`graphdiff.random.Stream`); part of the state dict.

    Shapes: any -> the same.

    Raises:
        ArgumentError: p outside 0 … 1.
    """

    def __init__(self, p: float = 0.5, *, seed: int | None = None) -> None:
        check_numbers(p=p)
        if not 0 <= p <= 1:
            raise ArgumentError(f"Dropout({p}) has no probability", fix="give 0 ≤ p ≤ 1")
        self.p = float(p)
        self.stream = gd.random.Stream(seed)

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        if not self.training or self.p == 0:
            return given
        return given * 0 if self.p == 1 else dropout(given, self.stream.next(), p=self.p)

    def extra_repr(self) -> str:
        return f"{self.p}"


class Dropout2d(Dropout):
    """:class:`Dropout` of whole channels (Tompson et al. 2015, section 3.2): neighbours in an image are so
    alike that single ones are no loss.

    Args, attributes and errors as there.

    Shapes: (N, C, H, W) -> the same; every (H, W) is kept or becomes 0 as a whole.

    Raises:
        ShapeError: on the call, another rank.
    """

    def forward(self, x: Any) -> gd.Tensor:
        given = gd.as_tensor(x)
        if given.ndim != 4:
            error = ShapeError(
                f"the input has shape {given.shape}, not (batch, channel, height, width)",
                fix="use Dropout for single elements",
            )
            raise located(error, "Dropout2d", given)
        if not self.training or self.p == 0:
            return given
        return given * super().forward(gd.ones_like(given[:, :, :1, :1]))
