"""The contact sheet: originals and variants where they should be, and what is no picture refused."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.draw.contact_sheet import contact_sheet
from graphdiff.errors import ArgumentError, ShapeError


def tile(sheet, row, column, side=64):
    """The pixels of one picture, from the layout: margin 12, header 18, gaps 4 and, after the first, 12."""
    left = 12 + column * (side + 4) + (8 if column else 0)
    top = 12 + 18 + row * (side + 4)
    return np.asarray(sheet)[top : top + side, left : left + side]


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_originals_and_variants_stand_side_by_side(kind):
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 16, 16), dtype=np.uint8)
    shown = images if kind == "uint8" else (images / 255).astype(kind)
    flip = gd.transforms.HorizontalFlip()
    sheet = contact_sheet(shown, flip, variants=4, seed=5)
    assert sheet.size == (12 + 64 + 12 + 4 * 68 - 4 + 12, 12 + 18 + 3 * 68 - 4 + 12)
    for row in range(3):
        np.testing.assert_array_equal(tile(sheet, row, 0)[::4, ::4], images[row].transpose(1, 2, 0))
        for column in range(1, 5):
            expected = flip(images, seed=5, epoch=column - 1)[row].transpose(1, 2, 0)
            np.testing.assert_array_equal(tile(sheet, row, column)[2::4, 3::4], expected)


def test_grey_images_are_enlarged_by_a_whole_factor_and_saved(tmp_path):
    sheet = contact_sheet(np.eye(8)[None, None], gd.transforms.Resize(28), variants=2)
    first = tile(sheet, 0, 0)
    assert (first[:8, :8] == 255).all()
    assert (first[:8, 8:16] == 0).all()
    sheet.save(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("images", "variants", "error", "message"),
    [
        (np.zeros((1, 1, 4, 4)), 0, ArgumentError, "variants=0"),
        (np.zeros((1, 4, 4)), 1, ShapeError, "images of shape"),
        (np.zeros((1, 2, 4, 4)), 1, ShapeError, "1 or 3"),
        (np.zeros((0, 1, 4, 4)), 1, ShapeError, "images of shape"),
        (np.full((1, 1, 4, 4), 1.5), 1, ArgumentError, "leave standardising out"),
    ],
)
def test_what_is_no_picture_is_refused(images, variants, error, message):
    with pytest.raises(error, match=message):
        contact_sheet(images, gd.transforms.Compose(), variants=variants)
