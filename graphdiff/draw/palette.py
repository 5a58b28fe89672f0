"""The colours, and which of them a gradient's norm gets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

INK = "#222222"
TITLE = "#111827"
GREY = "#4B5563"
LEGEND = "#5B6270"
VALUE = "#1B7F3B"
GRADIENT = "#C0262D"
OPERATOR = "#F4F6FA"
BACKWARD = "#FDEEEE"
UPDATE = "#EFEAFB"
CLUSTER_EDGE, CLUSTER_FILL, CLUSTER_TITLE = "#9DB4D8", "#F6F9FE", "#3B5B92"
BOX_EDGE, BOX_FILL, INPUT_FILL, RESULT_FILL = "#6B7280", "#FFFFFF", "#E8F3EA", "#FBEAEA"
EMPTY = "#E5E7EB"
NEUTRAL = "#8A94A6"
NOT_FINITE = "#D100D1"
PAPER = "#FFFFFF"
MUCH = "#8B7AB8"

_READABLE = 4.5
_TEXT = ("#1F2937", "#FFFFFF", "#000000")  # one of them is readable on any colour

SCALE: Sequence[tuple[float, str]] = (
    (-8, "#084081"),
    (-6, "#2B6EB0"),
    (-4, "#78B0D8"),
    (-2, "#CEE2F0"),
    (-1, "#F4F6F8"),
    (0, "#F7F4EE"),
    (1, "#FCD6A0"),
    (2, "#F0943C"),
    (4, "#A64A00"),
)
"""The power of ten of a gradient's norm, and its colour: vanishing blue, near white, exploding brown."""


def of_norm(value: float) -> str:
    """The colour of a norm: the same at every step, so that pictures can be compared."""
    if not math.isfinite(value):
        return NOT_FINITE
    if value == 0:
        return PAPER
    power = min(max(math.log10(value), SCALE[0][0]), SCALE[-1][0])
    for (low, start), (high, end) in itertools.pairwise(SCALE):
        if power <= high:
            return _between(start, end, (power - low) / (high - low))
    raise AssertionError("a power of ten within the scale")


def of_share(share: float) -> str:
    """The colour of an amount, as a share of the largest one: from paper to violet, which no gradient has."""
    return _between(PAPER, MUCH, share)


def of_line(fill: str) -> str:
    """The colour as a line on paper, which near white would not be seen."""
    return fill if contrast(fill, PAPER) >= 1.6 else NEUTRAL


def on(fill: str) -> str:
    """The colour of readable text on a fill."""
    return next(text for text in _TEXT if contrast(text, fill) >= _READABLE)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours as WCAG defines it, from 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _between(start: str, end: str, share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(_channels(start), _channels(end), strict=True))
    return "#" + "".join(f"{c:02X}" for c in mixed)


def _luminance(colour: str) -> float:
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
