"""The states of gradients and values: words for what the colours of a picture show.

The limits are fixed powers of ten on the scale of :mod:`graphdiff.draw.palette`, the same at every step, so
that two reports can be compared.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

State = Literal[
    "NaN", "infinite", "exploding", "vanishing", "zero", "no gradient here", "no backward yet", "fine"
]
STATES: tuple[State, ...] = get_args(State)
"""All states of a gradient, the worst first."""

VANISHING = 1e-6
EXPLODING = 1e3


def of_norm(norm: float) -> State:
    """The state of a gradient by its norm."""
    if math.isnan(norm):
        return "NaN"
    if math.isinf(norm):
        return "infinite"
    if norm == 0:
        return "zero"
    return "vanishing" if norm < VANISHING else "exploding" if norm > EXPLODING else "fine"
