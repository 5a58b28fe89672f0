"""Where functions have kinks, poles and ties, and where floating point runs out: plain examples."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.testing import check_gradients

INF, NAN = np.inf, np.nan


def gradient(fn, *args):
    """Of the sum of the result, as arrays."""
    found = gd.grad(lambda *xs: gd.sum(fn(*xs)), tuple(range(len(args))))(*map(np.asarray, args))
    return [g.numpy() for g in found]


def assert_gradient(fn, *args, expected):
    for found, wanted in zip(gradient(fn, *args), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


# Kinks


def test_relu_has_slope_0_at_0():
    assert_gradient(gd.relu, [-1.0, 0.0, -0.0, 2.0], expected=[[0, 0, 0, 1]])


def test_rectifiers_have_the_slope_from_below_at_0():
    x = [-1.0, 0.0, 2.0]
    assert_gradient(lambda x: gd.leaky_relu(x, 0.25), x, expected=[[0.25, 0.25, 1]])
    assert gradient(lambda x: gd.elu(x, 0.5), x)[0][1:].tolist() == [0.5, 1]
    assert_gradient(gd.leaky_relu, x, 0.25, expected=[[0.25, 0.25, 1], -1])


def test_activations_survive_large_inputs():
    x = gd.variable([-1000.0, 1000.0])
    limits = {"elu": [-1, 1000], "gelu": [0, 1000], "silu": [0, 1000], "leaky_relu": [-10, 1000]}
    for name, limit in limits.items():
        y = getattr(gd, name)(x)
        np.testing.assert_allclose(y, limit, err_msg=name)
        gd.sum(y).backward()
        np.testing.assert_array_equal(x.grad, [0.01 if name == "leaky_relu" else 0, 1], err_msg=name)


def test_abs_and_sign_have_slope_0_at_0():
    assert_gradient(gd.abs, [-1.5, 0.0, 2.0], expected=[[-1, 0, 1]])
    assert_gradient(gd.sign, [-1.5, 0.0, 2.0], expected=[[0, 0, 0]])


def test_clip_passes_the_gradient_at_its_bounds():
    x = [-1.5, -1.0, 0.0, 1.0, 1.5]
    assert_gradient(lambda x: gd.clip(x, -1, 1), x, expected=[[0, 1, 1, 1, 0]])


def test_clip_by_tensors_shares_ties():
    assert_gradient(lambda x, low: gd.clip(x, low), [-1.0, 0.0], [-1.0, 1.0], expected=[[0.5, 0], [0.5, 1]])


@pytest.mark.parametrize("fn", [gd.maximum, gd.minimum])
def test_two_equal_operands_share_the_gradient(fn):
    assert_gradient(fn, [1.0, 2.0], [1.0, 2.0], expected=[[0.5, 0.5], [0.5, 0.5]])


@pytest.mark.parametrize("fn", [gd.max, gd.min])
def test_equal_extremes_share_the_gradient_evenly(fn):
    assert_gradient(fn, np.ones((2, 2)), expected=[np.full((2, 2), 0.25)])
    assert_gradient(lambda x: fn(x, 1), [[2.0, 2.0], [0.0, 0.0]], expected=[[[0.5, 0.5], [0.5, 0.5]]])


def test_ties_of_max_leave_the_others_without_gradient():
    assert_gradient(gd.max, [3.0, 1.0, 3.0, 2.0], expected=[[0.5, 0, 0.5, 0]])


def test_argmax_and_argmin_name_the_first_of_equals():
    assert gd.argmax([1, 3, 3]).item() == gd.argmin([2, 1, 1]).item() == 1


def test_norm_has_slope_0_at_0():
    assert_gradient(gd.norm, [0.0, 0.0], expected=[[0, 0]])
    assert_gradient(lambda x: gd.norm(x, 1), [[0.0, 0.0], [0.0, 4.0]], expected=[[[0, 0], [0, 1]]])


def test_sqrt_has_slope_infinity_at_0():
    assert_gradient(gd.sqrt, [0.0, 4.0], expected=[[INF, 0.25]])


def test_the_second_derivative_of_piecewise_linear_functions_is_0():
    clipped, larger = lambda x: gd.clip(x, -1, 1), lambda x: gd.maximum(x, 0.5)
    chosen = lambda x: gd.where(x > 0, x, 0.1 * x)  # noqa: E731
    for fn in (gd.relu, gd.abs, gd.max, clipped, larger, chosen):
        np.testing.assert_array_equal(gd.hessian(lambda x, f=fn: gd.sum(f(x)))(np.array([0.7, -2.0])), 0)


def test_what_rounds_a_gradient_has_no_derivative_all_the_same():
    with pytest.raises(gd.errors.GradientError, match="floor"):
        gd.grad(lambda x: gd.floor(gd.grad(lambda y: y**3)(x)))(1.5)


# Powers and products


def test_power_at_base_0():
    exponents = [0.0, 1.0, 2.0, 3.0]
    assert_gradient(gd.power, np.zeros(4), exponents, expected=[[0, 1, 0, 0], [0, 0, 0, 0]])


def test_power_of_a_negative_base():
    base, _ = gradient(lambda x, y: x**y, [-2.0, -3.0], [3.0, 2.0])
    np.testing.assert_array_equal(base, [12, -6])


def test_power_to_a_python_number_needs_no_logarithm():
    assert_gradient(lambda x: x**3, [-2.0, 0.0], expected=[[12, 0]])
    assert_gradient(lambda x: x**0, [-2.0, 0.0], expected=[[0, 0]])
    check_gradients(lambda x: x**2, np.array([-2.0, -0.5, 1.5]))
    np.testing.assert_array_equal(gd.hessian(lambda x: x**2)(np.array(0.0)), 2)


@pytest.mark.parametrize(
    "factors",
    [
        [0.0, 2.0, 3.0],
        [0.0, 0.0, 3.0],
        [0.0, 0.0, 0.0],
        [[0.0, 2.0], [0.5, 0.0]],
        [1.5],
        [[2.0, 0.0, 1.0, 4.0]],
    ],
)
def test_the_product_has_right_derivatives_where_factors_are_0(factors):
    x = np.array(factors)
    check_gradients(gd.prod, x)
    check_gradients(lambda x: gd.prod(x, -1), x, order=3)
    others = [np.prod(np.delete(x.ravel(), k)) for k in range(x.size)]
    assert_gradient(gd.prod, x, expected=[np.reshape(others, x.shape)])


def test_empty_reductions():
    empty = np.zeros((2, 0))
    assert gd.sum(empty).item() == 0
    np.testing.assert_array_equal(gd.prod(empty, 1), [1, 1])
    assert np.isnan(gd.mean(empty).item())
    for fn in (gd.sum, gd.prod):
        assert gradient(fn, empty)[0].shape == (2, 0)
    for fn in (gd.max, gd.min, gd.logsumexp):
        with pytest.raises(gd.errors.ShapeError):
            fn(empty)
    with pytest.raises(gd.errors.ShapeError):
        gd.var([1.0], ddof=1)


# What is not taken


def test_a_nan_in_the_branch_not_taken_reaches_nothing():
    x = np.array([0.0, 4.0])
    fn = lambda x: gd.where(x > 0, gd.log(gd.where(x > 0, x, 1.0)), 0.0)  # noqa: E731
    assert_gradient(fn, x, expected=[[0, 0.25]])
    bad = np.array([NAN, INF])
    assert_gradient(
        lambda x, y: gd.where(np.array([True, False]), x, y), [1.0, NAN], bad, expected=[[1, 0], [0, 1]]
    )
    np.testing.assert_array_equal(gd.where(np.array([True, False]), [1.0, NAN], [NAN, 2.0]), [1, 2])


def test_where_chosen_before_the_operation_keeps_its_infinite_derivative_out():
    x = np.array([0.0, 4.0])
    assert_gradient(lambda x: gd.where(x > 0, gd.sqrt(x), 0), x, expected=[[NAN, 0.25]])
    remedy = lambda x: gd.where(x > 0, gd.sqrt(gd.where(x > 0, x, 1)), 0)  # noqa: E731
    assert_gradient(remedy, x, expected=[[0, 0.25]])


def test_a_class_ruled_out_does_not_spoil_the_cross_entropy():
    loss = lambda x: gd.losses.softmax_cross_entropy(x, [0, 1])  # noqa: E731
    x = [[0.0, -INF], [-INF, 3.0]]
    assert loss(np.array(x)).item() == 0
    assert_gradient(loss, x, expected=[np.zeros((2, 2))])
    assert gd.losses.softmax_cross_entropy(np.array([[0.0, -INF]]), [1]).item() == INF


def test_stop_gradient_lets_nothing_back():
    assert_gradient(lambda x: x * gd.stop_gradient(x), [2.0, 3.0], expected=[[2, 3]])


# The range of floating point


def test_logsumexp_of_infinities():
    assert gd.logsumexp([-INF, -INF]).item() == -INF
    assert gd.logsumexp([INF, 0.0]).item() == INF
    assert_gradient(gd.logsumexp, [-INF, 0.0], expected=[[0, 1]])
    assert_gradient(gd.logsumexp, [-INF, -INF], expected=[[0, 0]])
    assert_gradient(gd.logsumexp, [INF, 1.0, -INF], expected=[[NAN, 0, 0]])  # as softmax, and as in torch
    assert_gradient(gd.logsumexp, [NAN, 1.0], expected=[[NAN, NAN]])
    np.testing.assert_array_equal(gd.softmax([INF, 1.0, -INF]), [NAN, 0, 0])


def test_large_arguments_do_not_overflow():
    big = np.array([1000.0, 1001.0, -1000.0])
    small = big - 1001
    assert gd.logsumexp(big).item() == pytest.approx(1001 + np.log1p(np.exp(-1)))
    np.testing.assert_allclose(gd.softmax(big), np.exp(small) / np.exp(small).sum(), rtol=1e-12)
    np.testing.assert_allclose(gd.log_softmax(big), small - np.log1p(np.exp(-1)), rtol=1e-12)
    for fn in (gd.softmax, gd.log_softmax, gd.logsumexp, gd.softplus, gd.sigmoid, gd.tanh):
        assert np.isfinite(gradient(fn, big)[0]).all()


def test_softmax_with_elements_ruled_out():
    np.testing.assert_array_equal(gd.softmax([-INF, 0.0, -INF]), [0, 1, 0])
    assert_gradient(gd.softmax, [-INF, 0.0, 0.0], expected=[[0, 0, 0]])


@pytest.mark.parametrize("x", [1000.0, -1000.0])
def test_sigmoid_and_softplus_far_out(x):
    assert gd.sigmoid(x).item() == (x > 0)
    assert gd.softplus(x).item() == max(x, 0)
    assert_gradient(gd.sigmoid, x, expected=[0])
    assert_gradient(gd.softplus, x, expected=[float(x > 0)])
    np.testing.assert_array_equal(gd.sigmoid.decompose(gd.tensor(x)), float(x > 0))


def test_small_arguments_keep_their_digits():
    np.testing.assert_allclose(gd.expm1(1e-20), 1e-20, rtol=1e-15)
    np.testing.assert_allclose(gd.log1p(1e-20), 1e-20, rtol=1e-15)
    assert gd.softplus(-40.0).item() == pytest.approx(np.exp(-40), rel=1e-12)


def test_division_by_0_and_logarithm_of_0_give_infinities_without_warning():
    np.testing.assert_array_equal(gd.divide([1.0, -1.0, 0.0], 0.0), [INF, -INF, NAN])
    np.testing.assert_array_equal(gd.log([0.0, -1.0]), [-INF, NAN])
    np.testing.assert_array_equal(gd.isfinite([1.0, INF, NAN]), [True, False, False])
    np.testing.assert_array_equal(gd.isnan([1.0, INF, NAN]), [False, False, True])


def test_nan_is_seen_by_extremes():
    assert np.isnan(gd.max([1.0, NAN]).item())
    assert np.isnan(gd.maximum(1.0, NAN).item())


# Repeated spots


def test_the_last_value_written_stays_and_alone_has_a_gradient():
    where = np.array([1, 0, 1])
    written = gd.index_update(np.zeros(3), where, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(written, [2, 3, 0])
    assert_gradient(
        lambda x, v: gd.index_update(x, where, v), np.ones(3), np.ones(3), expected=[[0, 0, 1], [0, 1, 1]]
    )


def test_the_last_value_stays_whatever_the_layout_of_the_index():
    rows = np.zeros((2, 2), int).T
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    for index, given in (
        (rows, values),
        (rows, values.T.copy().T),
        (rows[::-1, ::-1], np.asfortranarray(values)),
    ):
        np.testing.assert_array_equal(gd.index_update(np.zeros(1), index, given), [4])
        assert_gradient(
            lambda v, i=index: gd.index_update(np.zeros(1), i, v), given, expected=[[[0, 0], [0, 1]]]
        )


def test_values_added_to_one_spot_all_count():
    where = [0, 0, -3]
    np.testing.assert_array_equal(gd.scatter_add(np.zeros(3), where, [1.0, 2.0, 4.0]), [7, 0, 0])
    assert_gradient(
        lambda x, v: gd.scatter_add(x, where, v), np.ones(3), np.ones(3), expected=[[1, 1, 1]] * 2
    )


def test_an_element_taken_twice_has_both_gradients():
    assert_gradient(lambda x: gd.take(x, [1, 1, 0]), [1.0, 2.0, 3.0], expected=[[1, 2, 0]])
    assert_gradient(lambda x: x[[0, -3]], [1.0, 2.0, 3.0], expected=[[2, 0, 0]])


# Slices past the front


@pytest.mark.parametrize(
    "key", [slice(-5, None, -1), slice(None, None, -1), slice(0, None, -2), slice(-4, -9, -1)]
)
def test_slices_downwards(key):
    x = np.arange(3.0)
    np.testing.assert_array_equal(gd.tensor(x)[key], x[key])
    taken = np.zeros(3)
    taken[key] = 1
    assert_gradient(lambda x: x[key], x, expected=[taken])


# Where NumPy is lenient


def test_a_number_has_an_axis_0_where_it_has_one_in_numpy():
    x = np.float64(3)
    for name in ("sum", "prod", "max", "min", "argmax", "argmin", "cumsum"):
        for axis in (0, -1):
            found, expected = getattr(gd, name)(x, axis), getattr(np, name)(x, axis=axis)
            assert (found.shape, found.item()) == (np.shape(expected), expected.item())
    for keepdims in (False, True):
        assert gd.argmax(x, 0, keepdims).shape == gd.sum(x, 0, keepdims).shape == ()
    np.testing.assert_array_equal(gd.take(x, [0, 0], 0), [3, 3])
    np.testing.assert_array_equal(gd.repeat(x, 2, -1), [3, 3])
    assert_gradient(lambda x: gd.sum(x, 0) + gd.cumsum(x, -1), x, expected=[2])


def test_several_shifts_of_one_axis_add_up():
    x = np.arange(6.0).reshape(2, 3)
    for shift, axis in (((1, 1), 1), ((1, 2), None), (1, (0, 1)), ((1, 2), (1, 1)), ((2,), (0, 1))):
        np.testing.assert_array_equal(gd.roll(x, shift, axis), np.roll(x, shift, axis))


def test_sections_are_counted_by_any_integer():
    for sections in (2, np.int64(2), gd.tensor(2), [1], np.array([1, 3])):
        parts = gd.split(np.arange(4.0), sections)
        for found, expected in zip(parts, np.split(np.arange(4.0), np.asarray(sections)), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_choices_against_zero_are_numpys_to_the_last_bit(dtype):
    x = np.random.default_rng(0).normal(size=(70, 80)).astype(dtype)
    x[0, :4] = np.nan, np.inf, -np.inf, -0.0
    for values in (x, x.T, x[::-1, ::2].repeat(2, 1)):
        for condition in (values > 0, values.T.copy().T > 0, np.zeros(values.shape, bool)):
            for other in (0.0, -0.0, 1.0):
                found = gd.where(condition, values, other).numpy()
                expected = np.where(condition, values, values.dtype.type(other))
                assert found.dtype == expected.dtype
                assert found.tobytes() == expected.tobytes()
