"""Transforms of images: what none may do, what each one does, and what is refused."""

import json

import numpy as np
import pytest
import torch
from graphdiff_transforms.distortion import sample
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn_arrays

import graphdiff as gd
from graphdiff.errors import ArgumentError, DTypeError, GraphdiffError, ShapeError
from graphdiff.plugins import Registry

T = gd.transforms
STRONG = {
    "ColorCast": T.ColorCast(strength=0.5),
    "ColorJitter": T.ColorJitter(brightness=0.9, contrast=0.9),
    "Compose": T.Compose(T.HorizontalFlip(), T.RandomCrop(2), T.Compose(T.Cutout(3))),
    "Cutout": T.Cutout(size=4, fill=0.5),
    "GeometricDistortion": T.GeometricDistortion(180, 1, 40, 0.5, 0.9, fill=0.25),
    "HorizontalFlip": T.HorizontalFlip(),
    "RandomCrop": T.RandomCrop(padding=3, fill=1),
    "Resize": T.Resize((5, 9)),
}
NOTHING = [
    T.ColorCast(strength=0),
    T.ColorCast(p=0),
    T.ColorJitter(),
    T.Compose(),
    T.Compose(T.ColorJitter(), T.Cutout(0)),
    T.Cutout(size=0),
    T.GeometricDistortion(),
    T.HorizontalFlip(p=0),
    T.RandomCrop(padding=0),
]


@st.composite
def images(draw, channels=(1, 3), dtypes=("uint8", "float16", "float32", "float64"), smallest=0):
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    shape = (draw(st.integers(smallest, 5)), draw(st.sampled_from(channels)), *draw(st.tuples(sides, sides)))
    if dtype == np.uint8:
        return draw(drawn_arrays(dtype, shape))
    return draw(drawn_arrays(dtype, shape, elements=st.floats(0, 1, width=dtype.itemsize * 8)))


sides = st.integers(1, 9)


def test_every_transform_is_tried():
    assert {*STRONG, "Standardize"} == set(Registry("transforms"))


@pytest.mark.parametrize("name", STRONG)
@given(data=st.data())
def test_dtype_shape_range_and_input_are_kept(name, data):
    before = data.draw(images())
    copy = before.copy()
    after = STRONG[name](before, seed=data.draw(st.integers(0, 99)), epoch=data.draw(st.integers(0, 99)))
    np.testing.assert_array_equal(before, copy)
    assert after.dtype == before.dtype
    assert after.shape == ((*before.shape[:2], 5, 9) if name == "Resize" else before.shape)
    assert (after >= 0).all()
    assert (after <= (255 if before.dtype == np.uint8 else 1)).all()


@pytest.mark.parametrize("transform", NOTHING, ids=repr)
@given(before=images())
def test_no_strength_changes_nothing(transform, before):
    np.testing.assert_array_equal(transform(before, seed=4), before)


@pytest.mark.parametrize("name", STRONG)
@given(data=st.data())
def test_an_image_comes_out_alike_in_any_batch(name, data):
    batch = data.draw(images(smallest=2, dtypes=["uint8", "float64"]))
    indices = np.array(data.draw(st.permutations(range(10, 10 + len(batch)))))
    whole = STRONG[name](batch, seed=7, epoch=3, indices=indices)
    for row in range(len(batch)):
        alone = STRONG[name](batch[row : row + 1], seed=7, epoch=3, indices=indices[row : row + 1])
        np.testing.assert_allclose(alone[0], whole[row], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", sorted(set(STRONG) - {"Resize"}))
def test_seed_epoch_and_index_each_change_the_result(name):
    rng = np.random.default_rng(0)
    pictures = np.repeat(rng.random((1, 3, 16, 16)), 30, axis=0)
    usual = STRONG[name](pictures, seed=1, epoch=1)
    np.testing.assert_array_equal(STRONG[name](pictures, seed=1, epoch=1), usual)
    assert (STRONG[name](pictures, seed=2, epoch=1) != usual).any()
    assert (STRONG[name](pictures, seed=1, epoch=2) != usual).any()
    assert (usual[1:] != usual[:1]).any()


@given(before=images())
def test_flipped_twice_is_as_before(before):
    flip = T.HorizontalFlip(p=1)
    np.testing.assert_array_equal(flip(before), before[..., ::-1])
    np.testing.assert_array_equal(flip(flip(before), seed=9), before)


def test_half_of_the_images_are_flipped():
    pictures = np.tile(np.array([0.0, 1.0]), (2000, 1, 1, 1))
    flipped = T.HorizontalFlip(p=0.5)(pictures)[:, 0, 0, 0].sum()
    assert abs(flipped - 1000) < 5 * np.sqrt(500)


def test_a_crop_is_a_window_of_the_padded_image():
    picture = np.random.default_rng(0).random((1, 2, 4, 5))
    padded = np.pad(picture, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=0.5)
    windows = [padded[0, :, r : r + 4, c : c + 5].tobytes() for r in range(5) for c in range(5)]
    made = T.RandomCrop(padding=2, fill=0.5)(np.repeat(picture, 500, axis=0))
    assert {crop.tobytes() for crop in made} == set(windows)


def test_a_cutout_is_a_square_around_any_pixel():
    hidden = T.Cutout(size=3, fill=1)(np.zeros((2000, 2, 6, 7), np.uint8)) == 255
    assert (hidden[:, 0] == hidden[:, 1]).all()
    sizes = {(int(h.any(axis=1).sum()), int(h.any(axis=0).sum())) for h in hidden[:, 0]}
    assert sizes == {(2, 2), (2, 3), (3, 2), (3, 3)}
    assert all(h.sum() == h.any(axis=1).sum() * h.any(axis=0).sum() for h in hidden[:, 0])
    assert (hidden.any(axis=0)).all()


# --- colours ---


def grey_of(pictures):
    return np.einsum("c,nchw->nhw", [0.299, 0.587, 0.114], pictures)


def soft(n=6):
    """Colours so weak that no change of them is cut off."""
    return 0.4 + 0.1 * np.random.default_rng(1).random((n, 3, 5, 4))


def test_hue_and_saturation_keep_the_brightness_of_every_pixel():
    before = soft()
    after = T.ColorJitter(saturation=1, hue=0.5)(before)
    assert abs(after - before).max() > 0.02
    np.testing.assert_allclose(grey_of(after), grey_of(before), atol=1e-6)  # the matrices have six digits


def test_hue_turns_and_a_full_circle_is_none():
    from graphdiff_transforms.color import _hue_and_saturation

    turns = np.radians([0, 120, 360])
    same, third, full = _hue_and_saturation(turns, np.ones(3))
    np.testing.assert_array_equal(same, np.eye(3))
    np.testing.assert_allclose(full, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(third @ third @ third, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(third @ [1, 1, 1], [1, 1, 1], atol=1e-6)
    assert np.argmax(third @ [1.0, 0, 0]) != 0


def test_no_saturation_is_grey():
    from graphdiff_transforms.color import _hue_and_saturation

    (matrix,) = _hue_and_saturation(np.zeros(1), np.zeros(1))
    grey = matrix @ [0.2, 0.6, 0.9]
    np.testing.assert_allclose(grey, 0.299 * 0.2 + 0.587 * 0.6 + 0.114 * 0.9)


def test_brightness_is_a_factor_and_contrast_keeps_the_mean():
    before = soft()
    factor = T.ColorJitter(brightness=0.5)(before) / before
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :1, :1, :1], factor.shape))
    assert ((factor >= 0.5) & (factor <= 1.5)).all()
    after = T.ColorJitter(contrast=0.5)(before)
    np.testing.assert_allclose(grey_of(after).mean(axis=(1, 2)), grey_of(before).mean(axis=(1, 2)))
    spread = after.std(axis=(2, 3)) / before.std(axis=(2, 3))
    np.testing.assert_allclose(spread, np.broadcast_to(spread[:, :1], spread.shape))
    assert len(set(spread[:, 0].round(6))) == len(before)


def test_a_cast_moves_some_whole_channels():
    before = soft(200)
    moved = T.ColorCast(strength=0.2, p=0.5)(before) - before
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :, :1, :1], moved.shape), atol=1e-15)
    assert abs(moved).max() <= 0.2
    assert abs((moved[:, :, 0, 0] != 0).sum() - 300) < 5 * np.sqrt(150)


# --- geometry ---


def always(value):
    return lambda self, low=0, high=1, count=1: np.full((count, len(self)), float(value))


def test_a_quarter_turn_is_clockwise(monkeypatch):
    picture = np.random.default_rng(0).random((1, 2, 6, 6))
    turn = T.GeometricDistortion(rotation=90)
    monkeypatch.setattr(gd.train.Draws, "uniform", always(1))
    np.testing.assert_allclose(turn(picture), np.rot90(picture, -1, axes=(2, 3)), atol=1e-12)


def test_a_scale_of_two_shows_twice_as_much_or_half(monkeypatch):
    picture = np.zeros((1, 1, 8, 8))
    picture[..., 2:6, 2:6] = 1
    for way, area in ((1.0, 64), (-1.0, 4)):
        monkeypatch.setattr(gd.train.Draws, "uniform", always(way))
        assert (T.GeometricDistortion(scale=1)(picture) > 0.5).sum() == area


@given(st.floats(-2, 6), st.floats(-2, 6))
def test_sampling_is_bilinear(row, column):
    picture = np.random.default_rng(0).random((1, 1, 4, 5))
    padded = torch.nn.functional.pad(torch.tensor(picture), (3, 3, 3, 3), value=0.5)
    grid = torch.tensor([[[[2 * (column + 3) / 10 - 1, 2 * (row + 3) / 9 - 1]]]], dtype=torch.float64)
    expected = torch.nn.functional.grid_sample(padded, grid, align_corners=True)
    made = sample(picture, np.array([[[row]]]), np.array([[[column]]]), 0.5)
    np.testing.assert_allclose(made, expected.numpy(), atol=1e-12)


def test_a_picture_of_one_brightness_stays_so_inside():
    even = np.full((20, 1, 9, 9), 0.7, np.float32)
    made = T.GeometricDistortion(rotation=20, shear=10, perspective=0.3, fill=0.7)(even)
    np.testing.assert_array_equal(made, even)


def test_straight_lines_stay_straight():
    ramp = np.broadcast_to(np.linspace(0.3, 0.6, 31), (1, 1, 31, 31)).copy()
    made = T.GeometricDistortion(rotation=30, scale=0.3, shear=20)(ramp, seed=2)[0, 0, 10:21, 10:21]
    rows, columns = np.mgrid[:11, :11]
    plane = np.stack([rows.ravel(), columns.ravel(), np.ones(121)], axis=1)
    _, residual, *_ = np.linalg.lstsq(plane, made.ravel(), rcond=None)
    assert residual.item() < 1e-20


# --- size ---


@given(before=images(dtypes=["float64"], smallest=1), size=st.tuples(sides, sides))
def test_resize_is_torchs(before, size):
    assume(before.shape[3] > 1 and size[1] > 1)  # torch 2.13 resizes images of one column wrongly
    interpolate = torch.nn.functional.interpolate
    expected = interpolate(torch.tensor(before), size, mode="bilinear", antialias=True, align_corners=False)
    np.testing.assert_allclose(T.Resize(size)(before), expected.numpy(), atol=1e-12)


@given(before=images(dtypes=["float64"]), size=st.tuples(sides, sides))
def test_resize_treats_both_axes_alike(before, size):
    across = T.Resize(size[::-1])(before.swapaxes(2, 3)).swapaxes(2, 3)
    np.testing.assert_allclose(T.Resize(size)(before), across, atol=1e-12)


@given(st.integers(0, 255), sides)
def test_resizing_keeps_one_brightness(value, size):
    even = np.full((1, 1, 6, 6), value, np.uint8)
    assert (T.Resize(size)(even) == value).all()


# --- standardising ---


@given(images(smallest=1), st.sampled_from(["channel", "pixel", "all"]))
def test_standardising_gives_mean_0_and_deviation_1(before, per):
    axes = {"channel": (0, 2, 3), "pixel": (0,), "all": (0, 1, 2, 3)}[per]
    fitted = T.Standardize.fit(before, mean=per, deviation=per)
    after = fitted(before.astype("float64"))
    np.testing.assert_allclose(after.mean(axis=axes), 0, atol=1e-9)
    spread = after.std(axis=axes)
    varies = np.ptp(before.astype("float64"), axis=axes) > 1e-6
    np.testing.assert_allclose(spread[varies], 1, rtol=1e-6)
    assert np.isfinite(after).all()


def test_what_never_varies_is_only_centred():
    column = np.full((100, 1), 0.1)
    fitted = T.Standardize.fit(np.concatenate([column, 1e13 * column + np.arange(100)[:, None]], axis=1))
    assert fitted.deviation[0] == 1
    assert fitted.deviation[1] > 20
    assert abs(fitted(np.concatenate([column, column], axis=1))[:, 0]).max() < 1e-12


def test_centring_alone_and_the_whole_of_large_data(monkeypatch):
    import graphdiff_transforms.standardize as module

    data = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    centred = T.Standardize.fit(data, mean="pixel", deviation=None)
    np.testing.assert_allclose(centred(data), data - data.mean(axis=0), atol=1e-6)
    whole = T.Standardize.fit(data)
    monkeypatch.setattr(module, "_NUMBERS", 9)
    in_parts = T.Standardize.fit(data)
    np.testing.assert_allclose(in_parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(in_parts.deviation, whole.deviation, rtol=1e-12)


def test_a_fit_is_saved_as_json_and_applied_to_other_parts():
    rng = np.random.default_rng(0)
    train, other = rng.integers(0, 256, (2, 9, 3, 4, 4), dtype=np.uint8)
    fitted = T.Standardize.fit(train)
    again = T.Standardize(**json.loads(json.dumps(fitted.state())))
    np.testing.assert_array_equal(again(other), fitted(other))
    assert fitted(other).dtype == np.float32
    expected = (other - train.mean(axis=(0, 2, 3)).reshape(3, 1, 1)) / train.std(axis=(0, 2, 3)).reshape(
        3, 1, 1
    )
    np.testing.assert_allclose(fitted(other), expected, atol=1e-5)


# --- what is refused ---


@pytest.mark.parametrize("name", STRONG)
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (np.zeros((3, 8, 8)), ShapeError),
        (np.zeros((2, 3, 0, 8)), ShapeError),
        (np.zeros((2, 3, 8, 8), np.int64), DTypeError),
        (np.zeros((2, 3, 8, 8), bool), DTypeError),
        (np.zeros((2, 3, 8, 8), object), DTypeError),
    ],
)
def test_what_are_no_images_is_refused(name, wrong, error):
    with pytest.raises(error, match="images of"):
        STRONG[name](wrong)


def test_indices_of_another_number_are_refused():
    with pytest.raises(ShapeError, match="3 indices for 2"):
        T.HorizontalFlip()(np.zeros((2, 1, 4, 4)), indices=np.arange(3))


@pytest.mark.parametrize("transform", [T.ColorJitter(brightness=0.1), T.ColorCast()], ids=repr)
def test_colours_of_standardised_values_are_refused(transform):
    with pytest.raises(ArgumentError, match="before standardising"):
        transform(np.full((1, 3, 2, 2), 1.5))
    with pytest.raises(ArgumentError, match="before standardising"):
        transform(np.full((1, 3, 2, 2), np.nan))
    with pytest.raises(ShapeError, match="4 channels"):
        transform(np.zeros((1, 4, 2, 2)))


def test_grey_has_no_hue():
    with pytest.raises(ShapeError, match="no hue"):
        T.ColorJitter(hue=0.1)(np.zeros((1, 1, 2, 2)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: T.HorizontalFlip(p=1.5),
        lambda: T.RandomCrop(padding=-1),
        lambda: T.RandomCrop(fill=2),
        lambda: T.Cutout(size=-1),
        lambda: T.ColorJitter(brightness=-0.1),
        lambda: T.ColorJitter(hue=0.6),
        lambda: T.ColorCast(strength=float("nan")),
        lambda: T.GeometricDistortion(rotation=-1),
        lambda: T.GeometricDistortion(perspective=1),
        lambda: T.GeometricDistortion(shear=90),
        lambda: T.Resize(0),
        lambda: T.Resize((4, 0)),
        lambda: T.Compose(abs),
        lambda: T.Standardize(0, 0),
        lambda: T.Standardize(np.nan, 1),
        lambda: T.Standardize.fit(np.array([[np.inf], [1.0]])),
        lambda: T.Standardize.fit(np.zeros((0, 3))),
        lambda: T.Standardize.fit(np.zeros(3)),
        lambda: T.Standardize.fit(np.zeros((3, 3)), mean="row"),
        lambda: T.Standardize.fit(np.zeros((3, 3)))(np.zeros((3, 4))),
        lambda: T.Standardize(np.zeros((3, 1, 1)), 1)(np.zeros((3, 3))),
    ],
)
def test_arguments_out_of_range_are_refused(make):
    with pytest.raises(GraphdiffError) as raised:
        make()
    assert raised.value.fix
