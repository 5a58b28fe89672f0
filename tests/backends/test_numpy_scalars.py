"""Programs of single numbers: plain Python arithmetic with the bits of eager NumPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd

NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -2.5, 1e300, -1e-300, math.inf, -math.inf, math.nan]) | st.floats()
STEPS = {
    "add": (2, gd.add),
    "subtract": (2, gd.subtract),
    "multiply": (2, gd.multiply),
    "divide": (2, gd.divide),
    "power": (2, gd.power),
    "maximum": (2, gd.maximum),
    "minimum": (2, gd.minimum),
    "where": (2, lambda a, b: gd.where(a > b, a * 2, b)),
    "negative": (1, gd.negative),
    "reciprocal": (1, gd.reciprocal),
    "square": (1, gd.square),
    "sqrt": (1, gd.sqrt),
    "abs": (1, gd.abs),
    "sign": (1, gd.sign),
    "relu": (1, gd.relu),
    "exp": (1, gd.exp),
    "log": (1, gd.log),
    "tanh": (1, gd.tanh),
    "sigmoid": (1, gd.sigmoid),
    "clip": (1, lambda a: gd.clip(a, -1.0, 1.5)),
    "sum": (1, gd.sum),
    "numbers": (1, lambda a: (a - 0.5) * -3.0 + math.inf * (a + 1)),
}
SPELLED_OUT = "add subtract multiply divide where negative reciprocal square sqrt abs sign relu sum".split()
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=20
)


def bits(value):
    """Those of a number; all NaNs are alike, for their signs depend on the order of operands in hardware."""
    assert value.shape == ()
    assert value.dtype == "float64"
    number = value.item()
    return "nan" if math.isnan(number) else number.hex()


def function(program):
    def fn(x, y):
        values = [x, y]
        for name, i, j in program:
            count, step = STEPS[name]
            values.append(step(*[values[i % len(values)], values[j % len(values)]][:count]))
        loss = sum(values[2:]) + x * 1.0 + y * 1.0
        back = loss.backward(wrt=[x, y])
        return [*values[2:], loss, back[x], back[y]]

    return fn


@given(PROGRAMS, st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=3))
def test_random_programs_and_their_gradients_equal_eager_to_the_last_bit(program, points):
    fn = function(program)
    compiled = gd.compile(fn)
    for x, y in points:
        eager = fn(gd.variable(x), gd.variable(y))
        assert [bits(t) for t in compiled(np.float64(x), np.float64(y))] == [bits(t) for t in eager]
    assert "errstate" not in compiled.source  # not the program of kernels


@pytest.mark.parametrize("name", SPELLED_OUT)
def test_arithmetic_is_spelled_out(name):
    compiled = gd.compile(function([(name, 0, 1), (name, 1, 2)]))
    compiled(2.0 * gd.ones(()), gd.tensor(3.0))
    assert "k_" not in compiled.source


def test_what_python_refuses_is_infinite_or_not_a_number():
    fn = gd.compile(lambda x: (1 / x, gd.sqrt(x - 1), gd.power(x, -1.0), x * 2))
    for _ in range(2):
        assert [bits(t) for t in fn(gd.tensor(0.0))] == ["inf", "nan", "inf", "0x0.0p+0"]
        assert fn(gd.tensor(4.0))[0].item() == 0.25


def test_other_programs_keep_their_kernels():
    for x in (np.ones(2), np.float32(1)):
        compiled = gd.compile(lambda x: x * x + 1)
        assert compiled(x).dtype == x.dtype
        assert "k_multiply" in compiled.source
    truth = gd.compile(lambda x: x > 0)
    assert truth(gd.tensor(1.0)).dtype == "bool"
    assert "k_greater" in truth.source


def test_results_have_memory_and_types_as_eager_ones_have():
    one, same = gd.compile(lambda x: (x * 2, x))(gd.tensor(1.5))
    assert (one.item(), same.item()) == (3.0, 1.5)
    assert isinstance(one.data, np.float64)


def test_ten_thousand_operations_are_one_function():
    def fn(x):
        value = x
        for k in range(5000):
            value = gd.relu(value * 0.5 + x) if k % 2 else value * x + 1.0
        return value, value.backward(wrt=[x])[x]

    compiled = gd.compile(fn)
    for x in (0.9, -0.3):
        eager = fn(gd.variable(x))
        assert [bits(t) for t in compiled(gd.tensor(x))] == [bits(t) for t in eager]


def test_an_argument_that_nothing_uses_may_be_any_array():
    for unused in (np.ones(3), np.ones((0, 2)), np.ones(1, "float32"), np.array([True])):
        assert gd.compile(lambda x, y: x * x + 1)(gd.tensor(2.0), unused).item() == 5
