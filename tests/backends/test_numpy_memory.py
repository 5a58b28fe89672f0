"""Memory of compiled steps: results that somebody holds stay, all else is used again."""

import gc
import tracemalloc

import numpy as np
import pytest
from graphdiff_numpy.memory import Layout, Lent
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd


@given(st.permutations(range(3)), st.lists(st.integers(1, 4), min_size=3, max_size=3))
def test_a_layout_is_that_of_the_arrays_it_makes(order, shape):
    array = np.empty([shape[k] for k in order], "float32").transpose(np.argsort(order))
    made = Layout.of(array).empty()
    assert (made.shape, made.dtype) == (array.shape, array.dtype)
    assert made.base is None  # or a view of it would refer to something else
    large = [k for k in range(3) if shape[k] > 1]
    assert [made.strides[k] for k in large] == [array.strides[k] for k in large]


@pytest.mark.parametrize(
    "held",
    [lambda a: a, lambda a: a.T, lambda a: a[0][1:], lambda a: memoryview(a), lambda a: [{"x": a[::2]}]],
)
def test_lent_memory_comes_back_when_nothing_looks_into_it(held):
    lent = Lent(Layout.of(np.empty((3, 4))))
    kept = held(lent())
    first = lent()
    assert not np.shares_memory(first, kept if isinstance(kept, np.ndarray) else first.copy())
    address = first.ctypes.data
    del first
    assert lent().ctypes.data == address
    del kept
    gc.collect()
    assert len({lent().ctypes.data for _ in range(3)}) == 1


def test_every_result_that_is_held_keeps_its_value():
    step = gd.compile(lambda x: (x * 2 + 1, gd.exp(x).T, gd.relu(x) @ x))
    rng = np.random.default_rng(0)
    held, copies = [], []
    for k in range(40):
        results = [t.numpy() for t in step(rng.normal(size=(4, 4)))]
        if k % 3:
            held += [results[0][1:], results[1].T, results[2]]
            copies += [a.copy() for a in held[-3:]]
        del results
    for a, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(a, copy)


def mlp():
    layers = gd.layers
    return layers.Sequential(layers.Linear(64, 32), layers.ReLU(), layers.Linear(32, 10)), (16, 64)


@pytest.mark.parametrize(
    ("make", "steps"), [(mlp, 1000), (lambda: (gd.models.lenet5(), (4, 1, 28, 28)), 100)]
)
def test_later_steps_need_no_more_memory_than_early_ones(make, steps):
    gd.seed(0)
    model, shape = make()
    optimizer = gd.optimizers.SGD(0.01, momentum=0.9)

    @gd.compile
    def step(x, y):
        loss = gd.losses.softmax_cross_entropy(model(x), y)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    rng = np.random.default_rng(0)
    x, y = gd.tensor(rng.normal(size=shape).astype("float32")), gd.tensor(rng.integers(0, 10, shape[0]))

    def after(count):
        """The bytes that are held, and how many more the next step takes."""
        for _ in range(count):
            step(x, y)
        gc.collect()  # which also empties Python's lists of free tuples
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step(x, y)
        return held, tracemalloc.get_traced_memory()[1] - held

    tracemalloc.start()
    try:
        early = after(50)  # by then the interpreter’s own free lists have filled
        late = after(steps)
    finally:
        tracemalloc.stop()
    assert (
        late[0] - early[0] < 20_000
    )  # arrays kept by a thousand steps, or a set of LeNet’s parameters, would take more
    one_set = sum(p.size for p in model.parameters()) * 4
    assert late[1] - early[1] < one_set / 4
