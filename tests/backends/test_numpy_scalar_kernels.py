"""Kernels on float64 scalars: the bits of NumPy's own functions, in silence."""

import numpy as np
import pytest
from graphdiff_numpy.kernels import BARE, RAW, kernels
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd

KERNELS = kernels()
BINARY = ["add", "subtract", "multiply", "divide", "relu_grad"]
UNARY = [
    "negative",
    "square",
    "relu",
    "sin",
    "cos",
    "tan",
    "tanh",
    "arctan",
    "arcsinh",
    "exp",
    "expm1",
    "sinh",
    "cosh",
]
numbers = st.floats() | st.sampled_from(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e-101, 1e101, 710.0, -745.0]
)


def same(found, expected):
    assert isinstance(found, np.float64)
    assert np.isnan(found) == np.isnan(expected)
    if not np.isnan(expected):
        assert found.tobytes() == np.float64(expected).tobytes()


@given(st.sampled_from(BINARY), numbers, numbers)
def test_of_two_numbers(name, x, y):
    x, y = np.float64(x), np.float64(y)
    with np.errstate(all="ignore"):
        expected = np.asarray(RAW[name](np.array([x]), np.array([y])))[0]
        same(BARE[name](x, y), expected)
    with np.errstate(all="raise"):
        same(KERNELS[name](x, y), expected)


@given(st.sampled_from(UNARY), numbers)
def test_of_one_number(name, x):
    x = np.float64(x)
    with np.errstate(all="ignore"):
        expected = np.asarray(RAW[name](np.asarray(x)))[()]
        same(BARE[name](x), expected)
    with np.errstate(all="raise"):
        same(KERNELS[name](x), expected)


@pytest.mark.parametrize("name", BINARY)
def test_a_scalar_beside_an_array_without_axes(name):
    x, y = np.float64(2.0), np.array(3.0)
    for a, b in ((x, y), (y, x), (y, y)):
        assert KERNELS[name](a, b) == RAW[name](a, b)


def test_values_without_axes_are_scalars():
    assert isinstance(gd.variable(2.0).data, np.float64)
    assert isinstance(gd.tensor(np.array(2, "int32")).data, np.int32)
