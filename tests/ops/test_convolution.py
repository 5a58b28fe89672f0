"""Convolution: the lecture's shapes, torch's values and derivatives to third order, and what is refused.

Every primitive and function of it also passes the generic checks (test_primitives, test_functions).
"""

import ast
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from ops.references_spatial import torch_conv2d

import graphdiff as gd
from graphdiff.errors import ArgumentError, DTypeError, ShapeError
from graphdiff.ops import convolution
from graphdiff.testing import check_gradients, sources

RNG = np.random.default_rng(0)
PRIMITIVES = {
    "conv2d": convolution._conv2d,
    "conv2d_input_grad": convolution._input_grad,
    "conv2d_weight_grad": convolution._weight_grad,
}


def ones(*shape, dtype="float64"):
    return np.ones(shape, dtype)


def random(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


# The lecture's shapes


def test_six_filters_give_six_maps():
    x = ones(1, 3, 32, 32)
    y = gd.conv2d(x, ones(6, 3, 5, 5))
    assert y.shape == (1, 6, 28, 28)
    assert gd.conv2d(y, ones(10, 6, 5, 5)).shape == (1, 10, 24, 24)


@pytest.mark.parametrize(("stride", "side"), [(1, 5), (2, 3)])
def test_strides_that_fit(stride, side):
    assert gd.conv2d(ones(1, 1, 7, 7), ones(1, 1, 3, 3), stride=stride).shape == (1, 1, side, side)


def test_a_stride_that_does_not_fit_shows_the_sum():
    with pytest.raises(ShapeError) as caught:
        gd.conv2d(ones(1, 1, 7, 7), ones(1, 1, 3, 3), stride=3)
    message = str(caught.value)
    assert "(7 - 3) / 3 + 1 = 2.33" in message
    assert "stride 2 or 4" in message
    assert "padding 1" in message
    assert 'rounding="floor"' in message
    assert "test_convolution.py" in message


def test_a_border_of_one_keeps_the_size():
    assert gd.conv2d(ones(1, 1, 7, 7), ones(1, 1, 3, 3), padding=1).shape == (1, 1, 7, 7)


# How filters fit


@given(
    n=st.integers(1, 12),
    k=st.integers(1, 4),
    stride=st.integers(1, 5),
    pair=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    dilation=st.integers(1, 3),
)
def test_what_is_offered_fits(n, k, stride, pair, dilation):
    span = dilation * (k - 1) + 1
    free = n + sum(pair) - span
    x, w = ones(1, 1, n), ones(1, 1, k)
    if free < 0:
        with pytest.raises(ShapeError, match="larger than the input"):
            gd.conv1d(x, w, stride=stride, padding=pair, dilation=dilation)
        return
    floor = gd.conv1d(x, w, stride=stride, padding=pair, dilation=dilation, rounding="floor")
    assert floor.shape[2] == free // stride + 1
    if free % stride == 0:
        assert gd.conv1d(x, w, stride=stride, padding=pair, dilation=dilation).shape == floor.shape
        return
    with pytest.raises(ShapeError) as caught:
        gd.conv1d(x, w, stride=stride, padding=pair, dilation=dilation)
    strides, paddings = offers(caught.value.fix)
    assert strides
    assert paddings
    for offered in strides:
        gd.conv1d(x, w, stride=offered, padding=pair, dilation=dilation)
    for offered in paddings:
        gd.conv1d(x, w, stride=stride, padding=offered, dilation=dilation)


def offers(fix):
    """The strides and paddings that a message names."""
    strides, paddings, _ = fix.removeprefix("use stride ").split(", or ")
    texts = strides.split(" or "), paddings.removeprefix("padding ").split(" or ")
    return tuple([ast.literal_eval(text) for text in offered] for offered in texts)


two = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(
    sizes=st.tuples(st.integers(6, 12), st.integers(6, 12)),
    kernel=two,
    stride=two,
    padding=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
)
@example(sizes=(8, 8), kernel=(3, 3), stride=(2, 2), padding=((0, 0), (0, 0)))
def test_what_is_offered_for_images_can_be_pasted(sizes, kernel, stride, padding):
    x, w = ones(1, 1, *sizes), ones(1, 1, *kernel)
    try:
        gd.conv2d(x, w, stride=stride, padding=padding)
    except ShapeError as error:
        strides, paddings = offers(error.fix)
        assert strides
        assert paddings
        for offered in strides:
            gd.conv2d(x, w, stride=offered, padding=padding)
        for offered in paddings:
            gd.conv2d(x, w, stride=stride, padding=offered)


def test_padding_is_offered_as_it_is_written():
    with pytest.raises(ShapeError, match=re.escape("padding ((0, 1), (0, 1)), or")):
        gd.conv2d(ones(1, 1, 8, 8), ones(1, 1, 3, 3), stride=2)
    with pytest.raises(ShapeError, match=re.escape("padding (0, 1), or")):
        gd.conv1d(ones(1, 1, 8), ones(1, 1, 3), stride=2)


@given(n=st.integers(1, 12), k=st.integers(1, 5), stride=st.integers(1, 4), dilation=st.integers(1, 3))
def test_same_padding_gives_as_many_places_as_strides(n, k, stride, dilation):
    y = gd.conv1d(ones(1, 1, n), ones(1, 1, k), stride=stride, padding="same", dilation=dilation)
    assert y.shape[2] == -(-n // stride)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(source=sources())
def test_same_padding_is_torchs(source):
    x, w = random(1, 1, 5, 6), random(1, 1, source.integer(1, 4), source.integer(1, 4))
    dilation = (source.integer(1, 2), source.integer(1, 2))
    expected = F.conv2d(torch.tensor(x), torch.tensor(w), padding="same", dilation=dilation)
    np.testing.assert_allclose(gd.conv2d(x, w, padding="same", dilation=dilation), expected, atol=1e-12)


def test_padding_is_written_in_many_ways():
    x, w = random(1, 1, 5, 5), random(1, 1, 3, 3)
    for padding, pairs in [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        (((0, 1), (2, 0)), ((0, 1), (2, 0))),
        ((1, (0, 2)), ((1, 1), (0, 2))),
        ("valid", ((0, 0), (0, 0))),
    ]:
        padded = np.pad(x, ((0, 0), (0, 0), *pairs))
        np.testing.assert_allclose(gd.conv2d(x, w, padding=padding), gd.conv2d(padded, w), atol=1e-12)


REFUSED = {
    "a filter larger than the image": (
        lambda: gd.conv2d(ones(1, 1, 2, 7), ones(1, 1, 3, 3)),
        "spans 3 is larger than the input of 2",
    ),
    "a dilated filter larger than the padded image": (
        lambda: gd.conv2d(ones(1, 1, 7, 7), ones(1, 1, 5, 1), dilation=3, padding=(1, 0)),
        "spans 13 is larger than the input of 7 padded by 1 and 1",
    ),
    "other channels": (
        lambda: gd.conv2d(ones(1, 3, 7, 7), ones(4, 1, 3, 3)),
        "3 channels, the filters expect 1",
    ),
    "other channels in groups": (
        lambda: gd.conv2d(ones(1, 4, 7, 7), ones(4, 1, 3, 3), groups=2),
        "2 channels in each of 2 groups",
    ),
    "groups that do not divide": (
        lambda: gd.conv2d(ones(1, 3, 7, 7), ones(4, 1, 3, 3), groups=2),
        "do not divide into 2 groups",
    ),
    "an image without batch": (lambda: gd.conv2d(ones(3, 7, 7), ones(4, 3, 3, 3)), "(batch, channel"),
    "flat filters": (lambda: gd.conv2d(ones(1, 3, 7, 7), ones(3, 3)), "(output channel, input channel"),
    "filters without elements": (lambda: gd.conv2d(ones(1, 3, 7, 7), ones(4, 3, 0, 3)), "at least one"),
    "a bias of another size": (
        lambda: gd.conv2d(ones(1, 3, 7, 7), ones(4, 3, 3, 3), ones(3)),
        "the bias has shape (3,), not (4,)",
    ),
    "a sequence without channels": (lambda: gd.conv1d(ones(1, 7), ones(1, 1, 3)), "(batch, channel, length)"),
    "a transposed bias": (
        lambda: gd.conv_transpose2d(ones(1, 3, 2, 2), ones(3, 4, 3, 3), ones(3)),
        "the bias has shape (3,)",
    ),
    "other transposed channels": (
        lambda: gd.conv_transpose2d(ones(1, 3, 2, 2), ones(4, 3, 3, 3)),
        "the filters expect 4",
    ),
    "everything cut off": (
        lambda: gd.conv_transpose2d(ones(1, 1, 2, 2), ones(1, 1, 3, 3), padding=2),
        "leaves nothing",
    ),
    "a gradient of another shape": (
        lambda: PRIMITIVES["conv2d_input_grad"](
            ones(1, 1, 2, 2), ones(1, 1, 3, 3), input_shape=(1, 1, 5, 5), **PLAIN
        ),
        "the convolution's output (1, 1, 3, 3)",
    ),
}
PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


@pytest.mark.parametrize(("call", "said"), REFUSED.values(), ids=REFUSED)
def test_shapes_that_do_not_fit_are_refused(call, said):
    with pytest.raises(ShapeError) as caught:
        call()
    assert said in str(caught.value)
    assert caught.value.fix
    assert caught.value.operation
    assert "test_convolution.py" in caught.value.source


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 0},
        {"stride": 1.5},
        {"stride": (1, 1, 1)},
        {"dilation": -1},
        {"padding": -1},
        {"padding": "full"},
        {"padding": ((1, 2, 3), 1)},
        {"groups": 0},
        {"rounding": "up"},
        {"rounding": "ceil"},
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(options):
    with pytest.raises(ArgumentError) as caught:
        gd.conv2d(ones(1, 1, 7, 7), ones(1, 1, 3, 3), **options)
    assert caught.value.fix


def test_output_padding_below_stride_or_dilation():
    with pytest.raises(ArgumentError, match="not below stride"):
        gd.conv_transpose2d(ones(1, 1, 2, 2), ones(1, 1, 3, 3), stride=2, output_padding=2)


def test_booleans_are_refused():
    with pytest.raises(DTypeError):
        gd.conv2d(ones(1, 1, 3, 3, dtype=bool), ones(1, 1, 3, 3, dtype=bool))


# Derivatives


def test_second_and_third_order_by_finite_differences():
    x, w = random(1, 2, 3, 3), random(2, 1, 2, 2)

    def cubed(x, w):
        y = gd.conv2d(x, w, stride=(1, 2), padding=((1, 0), (0, 1)), groups=2)
        return y * y * y / 6

    check_gradients(cubed, x, w, order=3, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PRIMITIVES)
@given(source=sources())
def test_three_derivatives_are_torchs(name, source):
    primitive = PRIMITIVES[name]
    inputs, params = primitive.samples(source)
    reference = _torch_of(name)
    ours = _three_derivatives(lambda *xs: primitive(*xs, **params), inputs, _gd_grad, gd.tensor)
    theirs = _three_derivatives(lambda *xs: reference(*xs, **params), inputs, _torch_grad, _torch_leaf)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(one), other.detach().numpy(), rtol=1e-9, atol=1e-9)


def _torch_of(name):
    from ops.references_spatial import TORCH

    return TORCH[name]


def _three_derivatives(fn, inputs, gradient, leaf):
    """The first, second and third derivative of a cubic of the result, each along fixed directions."""
    rng = np.random.default_rng(1)
    weights: dict[tuple[int, ...], np.ndarray] = {}

    def direction(shape, level):
        return weights.setdefault((level, *shape), rng.uniform(-1, 1, shape))

    def value(*xs):
        y = fn(*xs)
        return (y * y * y * leaf(direction(tuple(y.shape), 0))).sum()

    found = []
    for level in (1, 2, 3):
        gradients = gradient(value)
        found.extend(gradients(*map(leaf, inputs)))

        def value(*xs, gradients=gradients, level=level):
            parts = gradients(*xs)
            return sum((p * leaf(direction(tuple(p.shape), level))).sum() for p in parts)

    return found


def _gd_grad(fn):
    return gd.grad(fn, (0, 1))


def _torch_leaf(array):
    return torch.tensor(array, requires_grad=True)


def _torch_grad(fn):
    return lambda *xs: torch.autograd.grad(
        fn(*xs), xs, create_graph=True, allow_unused=True, materialize_grads=True
    )


# Channels and images enough for every way the kernels take

LARGE = {
    "three rows": ((5, 20, 9, 10), (24, 20, 3, 3), {"padding": 1}),
    "three rows, odd": ((2, 16, 7, 3), (16, 16, 3, 1), {}),
    "three rows, wide strides": ((3, 16, 6, 9), (17, 16, 3, 2), {"stride": (1, 2), "dilation": (1, 2)}),
    "three rows, many short rows": ((19, 16, 4, 4), (16, 16, 3, 3), {"padding": 1}),
    "three rows, asymmetric": ((2, 32, 6, 6), (16, 32, 3, 3), {"padding": ((2, 0), (0, 1))}),
    "three rows in groups": ((2, 32, 6, 5), (32, 16, 3, 3), {"padding": 1, "groups": 2}),
    "three rows, enough for threads": ((8, 32, 24, 24), (48, 32, 3, 3), {"padding": 1}),
    "strides": ((3, 16, 9, 9), (20, 16, 3, 3), {"stride": 2, "padding": 1}),
    "one by one": ((3, 16, 5, 6), (8, 16, 1, 1), {}),
    "one by one, strides": ((3, 16, 5, 5), (20, 16, 1, 1), {"stride": 2}),
    "short rows": ((21, 3, 5, 5), (6, 3, 2, 2), {}),
    "short rows, strides": ((21, 17, 5, 5), (18, 17, 3, 3), {"stride": 2, "padding": 2}),
    "a stem": ((4, 3, 62, 62), (64, 3, 7, 7), {"stride": 2, "padding": 3, "rounding": "floor"}),
    "many places": ((2, 1, 150, 150), (6, 1, 5, 5), {}),
    "depthwise": ((2, 8, 7, 7), (8, 1, 3, 3), {"padding": 1, "groups": 8}),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("x", "w", "options"), LARGE.values(), ids=LARGE)
def test_large_convolutions_are_torchs(x, w, options, dtype):
    x, w = random(*x, dtype=dtype), random(*w, dtype=dtype)
    loose = {"float64": 1e-11, "float32": 2e-4}[dtype]
    padding = options.get("padding", 0)
    pairs = padding if isinstance(padding, tuple) else ((padding, padding),) * 2
    shared = {"dilation": (1, 1), "stride": (1, 1), "groups": 1, **options, "padding": pairs}
    shared.pop("rounding", None)
    theirs = [_torch_leaf(x), _torch_leaf(w)]
    out = torch_conv2d(*theirs, **shared)
    g = random(*out.shape, dtype=dtype)
    y, pull = gd.vjp(lambda x, w: gd.conv2d(x, w, **options), x, w)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, out.detach(), rtol=loose, atol=loose)
    for ours, expected in zip(pull(g), torch.autograd.grad(out, theirs, torch.tensor(g)), strict=True):
        assert ours.dtype == dtype
        scale = float(expected.abs().max())
        np.testing.assert_allclose(ours, expected, rtol=loose, atol=loose * scale)


@given(source=sources())
def test_transposed_undoes_the_shape(source):
    """conv_transpose2d with the output padding that rounding took gives the input's shape back."""
    sizes = [source.integer(4, 8), source.integer(4, 8)]
    stride, k, p = source.integer(1, 3), source.integer(1, 3), source.integer(0, 1)
    y = gd.conv2d(ones(2, 3, *sizes), ones(4, 3, k, k), stride=stride, padding=p, rounding="floor")
    extra = tuple((n + 2 * p - k) % stride for n in sizes)
    back = gd.conv_transpose2d(y, ones(4, 3, k, k), stride=stride, padding=p, output_padding=extra)
    assert back.shape == (2, 3, *sizes)


# What the kernels leave alone


def test_integers_stay_integers():
    y = gd.conv2d(np.arange(9).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2), np.int64))
    assert y.dtype == "int64"
    assert y.tolist() == [[[[8, 12], [20, 24]]]]


def test_dtypes_meet():
    assert gd.conv2d(ones(1, 1, 3, 3, dtype="float32"), ones(1, 1, 3, 3)).dtype == "float64"
    assert gd.conv2d(ones(1, 1, 3, 3, dtype="float32"), [[[[1.0]]]]).dtype == "float64"


def test_an_empty_batch():
    x, w = gd.variable(ones(0, 3, 8, 8)), gd.variable(ones(4, 3, 3, 3))
    y = gd.conv2d(x, w, gd.zeros(4))
    assert y.shape == (0, 4, 6, 6)
    back = gd.sum(y).backward()
    assert back[x].shape == (0, 3, 8, 8)
    np.testing.assert_array_equal(back[w], np.zeros((4, 3, 3, 3)))


def test_no_channels_give_zeros():
    assert gd.conv2d(ones(1, 0, 3, 3), ones(2, 0, 3, 3)).tolist() == [[[[0.0]], [[0.0]]]]


@pytest.mark.parametrize("place", [(0, 0), (3, 4), (7, 7)])
def test_what_is_not_finite_stays_under_its_filters(place):
    """Of 16 channels and three rows, so that sums of neighbouring rows are taken on the way."""
    x, w = ones(1, 16, 8, 8), ones(16, 16, 3, 3)
    x[0, 3, place[0], place[1]] = np.nan
    expected = F.conv2d(torch.tensor(x), torch.tensor(w), padding=1).isnan().numpy()
    np.testing.assert_array_equal(np.isnan(gd.conv2d(x, w, padding=1)), expected)


LAYOUTS = {
    "batch innermost": lambda x: np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2),
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1],
    "sliced": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 3)[::2, :, :, ::3],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("case", ["three rows", "strides", "one by one", "short rows", "depthwise"])
def test_every_layout_of_memory_gives_the_same_to_the_last_bit(layout, case):
    x, w, options = LARGE[case]
    x, w = random(*x, dtype="float32"), random(*w, dtype="float32")
    y, pull = gd.vjp(lambda x, w: gd.conv2d(x, w, **options), x, w)
    g = random(*y.shape, dtype="float32")
    again, pull_again = gd.vjp(lambda x, w: gd.conv2d(x, w, **options), layout(x), layout(w))
    np.testing.assert_array_equal(again, y)
    for one, other in zip(pull_again(layout(g)), pull(g), strict=True):
        np.testing.assert_array_equal(one, other)


def test_results_have_the_batch_innermost_and_operations_between_keep_it():
    """So a network converts its input once."""
    x, w = gd.variable(random(4, 3, 6, 6)), gd.variable(random(5, 3, 3, 3))
    y = gd.relu(gd.conv2d(x, w, gd.zeros(5), padding=1) * 2)
    record = gd.sum(y).backward()
    for array in (y.data, record[x]):
        assert np.asarray(array).transpose(1, 2, 3, 0).flags.c_contiguous


def test_channels_last_memory_and_broadcast_views():
    x = np.ascontiguousarray(random(2, 5, 6, 16)).transpose(0, 3, 1, 2)
    w = np.broadcast_to(random(1, 16, 3, 3), (16, 16, 3, 3))
    expected = gd.conv2d(x.copy(), w.copy(), padding=1)
    np.testing.assert_allclose(gd.conv2d(x, w, padding=1), expected, rtol=1e-12, atol=1e-12)
    assert not np.shares_memory(gd.conv2d(x, w, padding=1).data, x)


def test_lines_of_a_sequence_say_length():
    with pytest.raises(ShapeError, match="along the length"):
        gd.conv1d(ones(1, 1, 7), ones(1, 1, 3), stride=3)
