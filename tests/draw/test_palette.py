from __future__ import annotations

import math

import numpy as np
import pytest

from graphdiff.draw import palette

NORMS = [*(10.0**p for p in np.linspace(-12, 8, 400)), 0.0, math.nan, math.inf]
FILLS = [palette.BOX_FILL, palette.INPUT_FILL, palette.RESULT_FILL, palette.BACKWARD, palette.CLUSTER_FILL]


def test_a_norm_can_be_read_on_its_colour() -> None:
    assert min(palette.contrast(palette.on(palette.of_norm(n)), palette.of_norm(n)) for n in NORMS) >= 4.5


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("text", [palette.GREY, palette.INK, palette.TITLE])
def test_text_can_be_read_on_every_fill(text: str, fill: str) -> None:
    assert palette.contrast(text, fill) >= 4.5


@pytest.mark.parametrize("text", [palette.VALUE, palette.GRADIENT, palette.LEGEND, palette.CLUSTER_TITLE])
@pytest.mark.parametrize("fill", [palette.PAPER, palette.CLUSTER_FILL])
def test_what_stands_beside_wires_can_be_read(text: str, fill: str) -> None:
    assert palette.contrast(text, fill) >= 4.5


def test_words_in_the_place_of_a_norm_can_be_read() -> None:
    assert palette.contrast(palette.GREY, palette.EMPTY) >= 4.5


def test_lines_are_seen_on_paper() -> None:
    assert min(palette.contrast(palette.of_line(palette.of_norm(n)), palette.PAPER) for n in NORMS) >= 1.6


def test_the_scale_is_the_documented_one_and_ends_at_its_ends() -> None:
    for power, colour in palette.SCALE:
        assert palette.of_norm(10.0**power) == colour
    assert palette.of_norm(1e-30) == palette.SCALE[0][1]
    assert palette.of_norm(1e30) == palette.SCALE[-1][1]
    assert palette.of_norm(math.nan) == palette.of_norm(math.inf) == palette.NOT_FINITE
    assert palette.of_norm(0.0) not in {colour for _, colour in palette.SCALE}


def test_contrast_is_that_of_wcag() -> None:
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert palette.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
