"""Pooling: AlexNet's overlapping windows, torch's ceil mode and padding, ties, and what is refused.

Every primitive and function of it also passes the generic checks (test_primitives, test_functions).
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.errors import ArgumentError, DTypeError, GradientError, ShapeError
from graphdiff.ops.windows import window_argmax, window_sum
from graphdiff.testing import check_gradients

RNG = np.random.default_rng(0)


def ones(*shape, dtype="float64"):
    return np.ones(shape, dtype)


def ranks(*shape, dtype="float64"):
    """Different numbers in random order."""
    return RNG.permutation(np.prod(shape)).reshape(shape).astype(dtype) / 7


# Shapes


def test_alexnets_windows_overlap():
    assert gd.max_pool2d(ones(1, 2, 55, 55), 3, 2).shape == (1, 2, 27, 27)
    assert gd.max_pool2d(ones(1, 2, 27, 27), 3, 2).shape == (1, 2, 13, 13)


def test_two_by_two_halves():
    assert gd.max_pool2d(ones(1, 1, 224, 224), 2).shape == gd.avg_pool2d(ones(1, 1, 224, 224), 2).shape
    assert gd.max_pool2d(ones(1, 1, 224, 224), 2).shape == (1, 1, 112, 112)


@pytest.mark.parametrize("pool", [gd.max_pool2d, gd.avg_pool2d])
def test_a_window_that_does_not_fit_shows_the_sum(pool):
    with pytest.raises(ShapeError) as caught:
        pool(ones(1, 1, 112, 112), 3, 2, 1)
    message = str(caught.value)
    assert "(112 - 3 + 2*1) / 2 + 1 = 56.5" in message
    assert 'rounding="floor"' in message
    assert "test_pooling.py" in message
    assert pool(ones(1, 1, 112, 112), 3, 2, 1, rounding="floor").shape == (1, 1, 56, 56)
    assert pool(ones(1, 1, 112, 112), 3, 2, 1, rounding="ceil").shape == (1, 1, 57, 57)


@given(
    n=st.integers(1, 15),
    k=st.integers(1, 4),
    stride=st.integers(1, 6),
    padding=st.integers(0, 2),
    ceil=st.booleans(),
)
def test_sizes_are_torchs(n, k, stride, padding, ceil):
    padding = min(padding, k // 2)
    if n + 2 * padding < k:
        return
    x = RNG.standard_normal((1, 1, n))
    rounding = "ceil" if ceil else "floor"
    for ours, theirs in ((gd.max_pool1d, F.max_pool1d), (gd.avg_pool1d, F.avg_pool1d)):
        expected = theirs(torch.tensor(x), k, stride, padding, ceil_mode=ceil)
        np.testing.assert_allclose(ours(x, k, stride, padding, rounding=rounding), expected, atol=1e-12)


REFUSED = {
    "a window larger than the image": (
        lambda: gd.max_pool2d(ones(1, 1, 2, 2), 3),
        "larger than the input of 2",
    ),
    "an image without batch": (lambda: gd.avg_pool2d(ones(1, 4, 4), 2), "(batch, channel, height, width)"),
    "a flat sequence": (lambda: gd.max_pool1d(ones(4, 4), 2), "(batch, channel, length)"),
    "no rows to adapt": (lambda: gd.adaptive_avg_pool2d(ones(1, 1, 0, 4), 1), "has no elements"),
    "planes of nothing": (lambda: gd.global_max_pool2d(ones(1, 1, 0, 4)), "has no elements"),
    "a global pool of a vector": (lambda: gd.global_avg_pool2d(ones(4)), "(batch, channel"),
    "channels of a vector": (lambda: gd.channel_window_sum(ones(4), 3), "has no channels"),
}


@pytest.mark.parametrize(("call", "said"), REFUSED.values(), ids=REFUSED)
def test_shapes_that_do_not_fit_are_refused(call, said):
    with pytest.raises(ShapeError) as caught:
        call()
    assert said in str(caught.value)
    assert caught.value.fix
    assert "test_pooling.py" in caught.value.source


@pytest.mark.parametrize(
    "call",
    [
        lambda x: gd.max_pool2d(x, 0),
        lambda x: gd.max_pool2d(x, (2, 2, 2)),
        lambda x: gd.max_pool2d(x, 2, 1.5),
        lambda x: gd.max_pool2d(x, 3, 1, 2),
        lambda x: gd.avg_pool2d(x, 2, 1, (0, (0, 2))),
        lambda x: gd.max_pool2d(x, 2, rounding="up"),
        lambda x: gd.adaptive_avg_pool2d(x, 0),
        lambda x: gd.channel_window_sum(x, 0),
    ],
)
def test_parameters_that_make_no_sense_are_refused(call):
    with pytest.raises(ArgumentError) as caught:
        call(ones(1, 1, 4, 4))
    assert caught.value.fix


def test_booleans_are_refused():
    with pytest.raises(DTypeError):
        gd.max_pool2d(ones(1, 1, 2, 2, dtype=bool), 2)


# Maxima


def test_the_first_of_equal_elements_gets_the_gradient():
    x = gd.variable(np.zeros((1, 1, 3, 4)))
    record = gd.sum(gd.max_pool2d(x, 2, 1)).backward()
    theirs = torch.zeros((1, 1, 3, 4), requires_grad=True)
    F.max_pool2d(theirs, 2, 1).sum().backward()
    np.testing.assert_array_equal(record[x], theirs.grad)


@given(st.integers(0, 999))
def test_ties_are_broken_as_torch_does(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (2, 2, 7, 8)).astype(np.float64)
    window, stride, dilation = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(3))
    if any(d * (k - 1) >= n for d, k, n in zip(dilation, window, x.shape[2:], strict=True)):
        dilation = (1, 1)
    padding = tuple(k // 2 for k in window)
    _, expected = F.max_pool2d(torch.tensor(x), window, stride, padding, dilation, return_indices=True)
    pairs = tuple((p, p) for p in padding)
    found = window_argmax(x, window=window, stride=stride, padding=pairs, dilation=dilation)
    np.testing.assert_array_equal(found, expected)


def test_padding_never_wins():
    lowest = np.full((1, 1, 3, 3), -np.inf)
    x = gd.variable(lowest)
    y = gd.max_pool2d(x, 3, 2, 1)
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), -np.inf))
    index = window_argmax(x, window=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), dilation=(1, 1))
    _, expected = F.max_pool2d(torch.tensor(lowest), 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(index, expected)
    integers = np.full((1, 1, 3, 3), np.iinfo(np.int64).min)
    np.testing.assert_array_equal(gd.max_pool2d(integers, 3, 2, 1), integers[..., :2, :2])


def test_nan_wins():
    x = ranks(1, 2, 6, 6)
    x[0, 0, 2, 3] = x[0, 0, 3, 3] = x[0, 1, 0, 0] = np.nan
    y, index = F.max_pool2d(torch.tensor(x), 3, 1, 1, return_indices=True)
    np.testing.assert_array_equal(gd.max_pool2d(x, 3, 1, 1), y)
    found = window_argmax(x, window=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1))
    np.testing.assert_array_equal(found, index)


def test_a_window_of_more_than_256_elements():
    x = ranks(1, 2, 20, 19)
    y, index = F.max_pool2d(torch.tensor(x), (17, 18), 1, return_indices=True)
    np.testing.assert_array_equal(gd.max_pool2d(x, (17, 18), 1), y)
    found = window_argmax(x, window=(17, 18), stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1))
    np.testing.assert_array_equal(found, index)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "window", "stride", "padding"),
    [
        ((40, 16, 24, 24), 2, 2, 0),
        ((10, 16, 27, 27), 3, 2, 0),
        ((3, 40, 30, 33), 3, 1, 1),
        ((2, 3, 5, 5), 1, 2, 0),
    ],
)
def test_many_planes_are_torchs(shape, window, stride, padding, dtype):
    x = ranks(*shape, dtype=dtype)
    theirs = torch.tensor(x, requires_grad=True)
    out = F.max_pool2d(theirs, window, stride, padding)
    g = RNG.standard_normal(out.shape).astype(dtype)
    y, pull = gd.vjp(lambda x: gd.max_pool2d(x, window, stride, padding, rounding="floor"), x)
    np.testing.assert_array_equal(y, out.detach())
    out.backward(torch.tensor(g))
    (found,) = pull(g)
    assert y.dtype == found.dtype == dtype
    np.testing.assert_allclose(found, theirs.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 3, 9, 8), (1, 2, 7, 7)])
@pytest.mark.parametrize("pool", [gd.max_pool2d, gd.avg_pool2d])
def test_every_layout_of_memory_gives_the_same_to_the_last_bit(pool, shape):
    x = ranks(*shape, dtype="float32")
    y, pull = gd.vjp(lambda x: pool(x, 3, 2, 1, rounding="floor"), x)
    g = RNG.standard_normal(y.shape).astype("float32")
    for order in ((1, 2, 3, 0), (0, 2, 3, 1), (3, 2, 1, 0)):
        back = np.argsort(order)
        again, pull_again = gd.vjp(
            lambda x: pool(x, 3, 2, 1, rounding="floor"),
            np.ascontiguousarray(x.transpose(order)).transpose(back),
        )
        np.testing.assert_array_equal(again, y)
        upstream = np.ascontiguousarray(g.transpose(order)).transpose(back)
        np.testing.assert_array_equal(pull_again(upstream)[0], pull(g)[0])
    assert y.data.transpose(1, 2, 3, 0).flags.c_contiguous


def test_a_compiled_gradient_finds_winners_with_the_maxima():
    """In one call, with ties, NaN and padding as when each is sought alone."""
    x = RNG.integers(0, 3, (4, 3, 9, 9)).astype(np.float64)
    x[0, 0, 4, 4] = np.nan

    def both(x):
        record = gd.sum(y := gd.max_pool2d(x, 3, 2, 1)).backward(wrt=[x])
        return y, record[x]

    compiled = gd.compile(both)
    for found, expected in zip(compiled(gd.variable(x)), both(gd.variable(x)), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_integers_are_compared_as_integers():
    x = np.array([[[[2**53, 2**53 + 1]]]])
    assert gd.max_pool2d(x, (1, 2)).tolist() == [[[[2**53 + 1]]]]


def test_positions_have_no_derivative():
    x = gd.variable(ranks(1, 1, 4, 4))
    index = window_argmax(x, window=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)), dilation=(1, 1))
    with pytest.raises((GradientError, DTypeError)):
        gd.sum(index).backward()


def test_third_derivatives():
    def cubed(x):
        y = gd.max_pool2d(x, 3, 2, 1, rounding="ceil")
        return y * y * y / 6

    check_gradients(cubed, ranks(1, 1, 4, 4), order=3, rtol=1e-4, atol=1e-4)


# Means


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("rounding", ["floor", "ceil"])
@pytest.mark.parametrize("padding", [0, 1, (1, 0)])
def test_means_count_as_torch_counts(include, rounding, padding):
    x = ranks(2, 3, 8, 7)
    expected = F.avg_pool2d(
        torch.tensor(x), (3, 2), 2, padding, ceil_mode=rounding == "ceil", count_include_pad=include
    )
    found = gd.avg_pool2d(x, (3, 2), 2, padding, count_include_pad=include, rounding=rounding)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_float32_stays():
    x = gd.variable(ranks(1, 6, 5, 5, dtype="float32"))
    for y in (
        gd.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        gd.adaptive_avg_pool2d(x, 2),
        gd.adaptive_max_pool2d(x, 2),
        gd.global_avg_pool2d(x),
        gd.channel_window_sum(x, 3),
    ):
        assert y.dtype == "float32"
        assert gd.sum(y).backward()[x].dtype == "float32"


def test_integers_have_fractional_means():
    assert gd.avg_pool2d(np.array([[[[1, 2]]]]), (1, 2)).tolist() == [[[[1.5]]]]


def test_empty_batches():
    x = gd.variable(np.ones((0, 3, 4, 4)))
    for y in (
        gd.max_pool2d(x, 2),
        gd.avg_pool2d(x, 2),
        gd.adaptive_max_pool2d(x, 3),
        gd.adaptive_avg_pool2d(x, 3),
    ):
        assert y.shape[:2] == (0, 3)
        assert gd.sum(y).backward()[x].shape == (0, 3, 4, 4)


@given(size=st.integers(1, 7), channels=st.integers(1, 6))
def test_channel_windows_make_torchs_local_response_normalisation(size, channels):
    x = ranks(2, channels, 2, 3)
    ours = x / (1.5 + 0.5 / size * gd.channel_window_sum(x * x, size)) ** 0.75
    theirs = F.local_response_norm(torch.tensor(x), size, alpha=0.5, beta=0.75, k=1.5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_sums_over_odd_channel_windows_are_their_own_transpose():
    x, g = ranks(1, 5, 1, 1), ranks(1, 5, 1, 1)
    _, pull = gd.vjp(lambda x: gd.channel_window_sum(x, 3), x)
    np.testing.assert_allclose(pull(g)[0], gd.channel_window_sum(g, 3))


def test_sums_leave_their_input_alone():
    x = ranks(1, 1, 4, 4)
    before = x.copy()
    out = window_sum(x, window=(1, 1), stride=(1, 1), padding=((0, 0), (0, 0)))
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(out.data, x)
