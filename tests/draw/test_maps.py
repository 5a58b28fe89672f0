"""Tiles of filters, activation maps and images, pixel by pixel."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.draw.maps import map_sheet
from graphdiff.errors import ArgumentError, ShapeError

GAP, SIDE = 3, 48


def tile(sheet, row=0, column=0):
    pixels = np.asarray(sheet)
    top, left = (GAP + k * (SIDE + GAP) for k in (row, column))
    return pixels[top : top + SIDE, left : left + SIDE]


def test_a_tile_goes_from_its_least_to_its_largest():
    values = np.array([[[[-2.0, 0.0], [2.0, 1.0]]], [[[5.0, 5.0], [5.0, 7.0]]]])
    sheet = map_sheet(gd.tensor(values))
    one, other = tile(sheet), tile(sheet, column=1)
    factor = SIDE // 2
    assert [one[i * factor, j * factor, 0] for i in (0, 1) for j in (0, 1)] == [0, 128, 255, 191]
    assert [other[i * factor, j * factor, 0] for i in (0, 1) for j in (0, 1)] == [0, 0, 0, 255]
    assert (one == one[..., :1]).all()  # grey


def test_three_channels_are_colours():
    values = np.zeros((1, 3, 2, 2))
    values[0, 0] = 1.0
    assert (tile(map_sheet(values)) == [255, 0, 0]).all()


def test_of_an_activation_the_channels_of_the_first_example_are_shown():
    values = np.stack([np.eye(4)[None].repeat(7, 0), np.zeros((7, 4, 4))])
    sheet = map_sheet(values, most=5)
    assert sheet.size == (3 * (SIDE + GAP) + GAP, 2 * (SIDE + GAP) + GAP)
    assert tile(sheet, 1, 1).max() == 255
    assert (tile(sheet, 1, 2) == 255).all()  # paper


def test_what_is_not_finite_is_magenta_and_spoils_no_other_element():
    values = np.array([[[[np.nan, -np.inf], [0.0, 1e308]]]])
    found = tile(map_sheet(values))
    factor = SIDE // 2
    assert found[0, 0].tolist() == found[0, factor].tolist() == [0xD1, 0, 0xD1]
    assert [found[factor, 0, 0], found[factor, factor, 0]] == [0, 255]


@pytest.mark.parametrize("shape", [(3, 4), (0, 1, 2, 2), (2, 3, 4, 5, 6)])
def test_what_is_no_map_is_refused(shape):
    with pytest.raises(ShapeError, match="not of maps"):
        map_sheet(np.ones(shape))


def test_no_tiles_are_refused():
    with pytest.raises(ArgumentError, match="shows nothing"):
        map_sheet(np.ones((1, 1, 2, 2)), most=0)
