"""The gradient checker itself."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.testing import GradientCheckError, check_gradients, numerical_gradient, relative_error

X = np.array([[0.3, -1.2, 0.7], [2.1, 0.4, -0.6]])


def wrong(factor=1.01):
    """x², whose derivative is off."""
    return gd.Primitive("square", spec=lambda x: x, vjp=(lambda g, out, x: g * (2 * factor * x),))


def test_numerical_gradient_of_a_cubic():
    found = numerical_gradient(lambda x: np.sum(x**3), X)
    np.testing.assert_allclose(found, 3 * X**2, rtol=1e-8)
    assert numerical_gradient(lambda x: float(x) ** 2, 3.0) == pytest.approx(6.0)
    assert numerical_gradient(np.sum, np.zeros((0, 2))).shape == (0, 2)


def test_numerical_gradient_leaves_its_point_alone():
    x = X.copy()
    numerical_gradient(lambda y: y.fill(0) or 0.0, x)
    np.testing.assert_array_equal(x, X)


def test_relative_error():
    found = relative_error([1.0, 0.0, 1.0, np.inf, 2.0], [1.1, 0.0, -1.0, np.inf, 2.0])
    np.testing.assert_allclose(found, [0.1 / 1.1, 0, 2, 0, 0])
    assert np.isnan(relative_error(np.nan, 1.0))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_right_gradients_pass(order):
    check_gradients(lambda x, y: gd.tanh(x @ y) * gd.sum(x), X, X.T, order=order)


def test_arguments_of_every_kind():
    def fn(x, scale, index, flag):
        return gd.take(gd.where(flag, x, scale), index, 1) * scale

    check_gradients(fn, gd.tensor(X, "float32"), 1.5, np.array([0, 2, 2]), True)


def test_functions_of_zero_size_and_constant_functions_pass():
    check_gradients(lambda x: x * x, np.zeros((0, 3)))
    check_gradients(lambda x, y: x * 1.0, X, X)


def test_the_message_names_the_worst_element():
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(lambda x, y: gd.sum(wrong()(y) + x), X, X)
    text = str(caught.value)
    assert "first-order gradient by argument 1 is wrong in 6 of 6 elements, worst at (1, 0)" in text
    assert "analytic" in text
    assert "numerical" in text
    assert "relative error 0.0099" in text


def test_the_function_is_named():
    def quadratic(x):
        return wrong()(x)

    with pytest.raises(GradientCheckError, match="quadratic"):
        check_gradients(quadratic, X)


def test_an_error_in_the_second_order_is_named_so():
    def bent(g, out, x):
        return g * (2 * gd.stop_gradient(x))

    square = gd.Primitive("square", spec=lambda x: x, vjp=(bent,))
    check_gradients(square, X, order=1)
    with pytest.raises(GradientCheckError, match="second-order gradient by argument 0"):
        check_gradients(square, X)


@pytest.mark.parametrize("factor", [1.001, 0.999, -1.0, 0.0, np.nan, np.inf])
def test_wrong_gradients_fail(factor):
    with pytest.raises(GradientCheckError):
        check_gradients(wrong(factor), X, order=1)


def test_the_tolerance_is_the_callers():
    check_gradients(wrong(1.001), X, order=1, rtol=1e-2)
    with pytest.raises(GradientCheckError):
        check_gradients(wrong(1.001), X, order=1, atol=0, rtol=1e-4)


def test_one_wrong_element_among_many_is_found():
    def mostly_right(g, out, x):
        return g * gd.index_update(2 * x, (3, 4), 7.0)

    square = gd.Primitive("square", spec=lambda x: x, vjp=(mostly_right,))
    with pytest.raises(GradientCheckError, match=r"wrong in 1 of 100 elements, worst at \(3, 4\)"):
        check_gradients(square, np.linspace(0.1, 2, 100).reshape(10, 10), order=1)


def test_nothing_to_check_is_refused():
    with pytest.raises(gd.errors.ArgumentError, match="floating"):
        check_gradients(lambda i: gd.sum(i), np.arange(3))
    with pytest.raises(gd.errors.ArgumentError, match="order 0"):
        check_gradients(lambda x: gd.sum(x), X, order=0)
    assert issubclass(GradientCheckError, AssertionError)
