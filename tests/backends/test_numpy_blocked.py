"""Elementwise groups in blocks: the bits of whole arrays, whatever the layouts and the blocks."""

import numpy as np
import pytest
from graphdiff_numpy import blocked
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd

SHAPE = (3, 4, 5)
ORDERS = st.permutations(range(3))
STEPS = {
    "add": lambda a, b, c: a + b,
    "subtract": lambda a, b, c: a - b,
    "multiply": lambda a, b, c: a * b,
    "divide": lambda a, b, c: a / b,
    "negative": lambda a, b, c: -a,
    "square": lambda a, b, c: gd.square(a),
    "relu": lambda a, b, c: gd.relu(a),
    "number": lambda a, b, c: a * 0.5 - 1.0,
    "first": lambda a, b, c: a * c[0],
    "middle": lambda a, b, c: a + c[1],
    "last": lambda a, b, c: a - c[2],
    "sum": lambda a, b, c: a - gd.sum(b, 1, keepdims=True),
    "turned": lambda a, b, c: gd.transpose(gd.transpose(a, (2, 0, 1)) * 2.0, (1, 2, 0)) + b,
}
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), *[st.integers(0, 20)] * 2), min_size=2, max_size=14
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(blocked, "_LEAST", 2)
    monkeypatch.setattr(blocked, "_BLOCK", 7)


def same_bits(one, two):
    assert (one.shape, one.dtype) == (two.shape, two.dtype)
    # IEEE 754 leaves a NaN's sign open, and in NumPy it depends on the place in the array.
    one, two = (np.where(np.isnan(t), np.nan, t) for t in (one.numpy(), two.numpy()))
    assert one.tobytes() == two.tobytes()


def in_order(array, order):
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


def run(program, x, y, parts):
    values = [x, y]
    for name, i, j in program:
        values.append(STEPS[name](values[i % len(values)], values[j % len(values)], parts))
    back = sum(gd.sum(v) for v in values).backward(wrt=[x, y])
    return [*values[2:], back[x], back[y]]


@given(PROGRAMS, ORDERS, ORDERS, st.sampled_from(["float32", "float64"]), st.integers(0, 5))
def test_random_programs_equal_eager_to_the_last_bit(program, one, two, dtype, seed):
    rng = np.random.default_rng(seed)
    special = np.array([0.0, -0.0, np.inf, np.nan, 1.0])
    x, y = (
        np.where(rng.random(SHAPE) < 0.1, rng.choice(special, SHAPE), rng.normal(size=SHAPE)) for _ in "xy"
    )
    x, y = in_order(x.astype(dtype), one), in_order(y.astype(dtype), two)
    parts = [rng.normal(size=s).astype(dtype) for s in ((3, 1, 1), (4, 1), (5,))]
    eager = run(program, gd.variable(x), gd.variable(y), [gd.tensor(p) for p in parts])
    compiled = gd.compile(lambda x, y, parts: run(program, x, y, parts))
    for _ in range(3):
        for a, b in zip(compiled(x, y, parts), eager, strict=True):
            same_bits(a, b)


def test_an_update_is_one_call_and_its_results_are_left_alone():
    def update(p, v, g, lr):
        v = 0.9 * v + g
        return p - lr * v, v

    compiled = gd.compile(update)
    p, v, g = (np.random.default_rng(k).normal(size=(40, 30)).astype("float32") for k in range(3))
    state, eager = (gd.tensor(p), gd.tensor(v)), (gd.tensor(p), gd.tensor(v))
    history = []
    for _ in range(5):
        state, eager = (
            compiled(*state, g, np.float32(0.1)),
            update(*eager, gd.tensor(g), gd.tensor(0.1, "float32")),
        )
        history.append((state, [np.array(t) for t in state]))
        same_bits(state[0], eager[0])
    for results, copies in history:
        for t, copy in zip(results, copies, strict=True):
            np.testing.assert_array_equal(t, copy)
    assert compiled.source.count("= g") == 1
    assert "k_multiply" not in compiled.source


def test_layouts_that_change_between_calls_change_no_value():
    fn = gd.compile(lambda x, y: gd.relu(x * y + x) - y)
    x, y = np.random.default_rng(0).normal(size=(2, 6, 8))
    for order in ((0, 1), (1, 0), (0, 1)):
        same_bits(
            fn(in_order(x, order), y[::-1]),
            gd.relu(gd.tensor(x) * gd.tensor(y[::-1]) + gd.tensor(x)) - gd.tensor(y[::-1]),
        )


def test_small_arrays_stay_whole(monkeypatch):
    monkeypatch.setattr(blocked, "_LEAST", 1000)
    fn = gd.compile(lambda x: gd.relu(x * 2.0) + x)
    for _ in range(2):
        fn(np.ones((5, 5)))
    assert "= g" not in fn.source
