"""Where a compiled function could part from the eager one: aliases, orders of memory, threads, dtypes."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.ops import accumulate


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_sum_of_one_operand_is_that_operand_and_keeps_it(backend):
    def f(x):
        a = gd.exp(x)
        b = accumulate(a)
        return (a * 2.0 + 1.0) * 3.0 * b, b

    with gd.backend(backend):
        compiled, x = gd.compile(f), gd.tensor(np.linspace(0, 1, 5))
        for _ in range(3):
            for one, two in zip(compiled(x), f(x), strict=True):
                np.testing.assert_array_equal(one, two)


@given(
    shape=st.lists(st.integers(1, 40), min_size=2, max_size=3),
    orders=st.lists(st.randoms(use_true_random=False), min_size=1, max_size=7),
)
def test_arguments_in_any_order_of_memory_give_what_eager_gives_to_the_last_bit(shape, orders):
    def f(x):
        y = x * 1.3
        return gd.sum(y, 0), gd.sum(gd.exp(y)), y.T @ y if y.ndim == 2 else y

    compiled, rng = gd.compile(f), np.random.default_rng(0)
    for random in orders:
        axes = list(range(len(shape)))
        random.shuffle(axes)
        values = rng.standard_normal([shape[a] for a in axes]).astype("float32")
        t = gd.tensor(values.transpose(np.argsort(axes)))
        assert [s for s, n in zip(t.data.strides, shape, strict=True) if n > 1] == [
            s for s, n in zip(values.transpose(np.argsort(axes)).strides, shape, strict=True) if n > 1
        ]
        for one, two in zip(compiled(t), f(t), strict=True):
            np.testing.assert_array_equal(one, two)


def test_variants_of_one_function_lose_no_update_of_a_cell_between_threads():
    count = gd.Cell(0, "int64")

    @gd.compile
    def step(x):
        count.assign(count + 1)
        return x + 1

    def work(n):
        for _ in range(200):
            step(np.ones(n))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert count.item() == 800


def test_a_composite_keeps_its_dtype_inside_autocast():
    product = gd.Composite("product_of_mine", lambda x, w: x @ w)
    x = gd.tensor(np.ones((2, 2)), "float32")
    with gd.autocast("float16"):
        assert product(x, x).dtype == "float32"
        assert (x @ x).dtype == "float16"
    found = product(x, x)
    assert (found.dtype, found.numpy().dtype) == ("float32", np.float32)


def test_a_checkpoint_inside_autocast_is_differentiated_outside():
    w = gd.Parameter(np.eye(4)[:2])
    f = gd.checkpoint(lambda x: gd.cast(x @ w.T, "float32"))
    x = np.arange(8, dtype="float32").reshape(2, 4)
    with gd.autocast("float16"):
        loss = gd.sum(f(x))
    loss.backward()
    np.testing.assert_array_equal(w.grad, [x.sum(0), x.sum(0)])


def test_composites_die_with_their_last_user():
    gc.disable()
    try:
        composite = gd.Composite("short_lived", lambda x: x * 2)
        composite(gd.tensor(1.0))
        alive = weakref.ref(composite)
        del composite
        assert alive() is None
        x = gd.variable(np.ones(3))
        loss = gd.sum(gd.checkpoint(lambda v: gd.exp(v) * v)(x))
        back = loss.backward()
        alive = weakref.ref(x)
        del x, loss, back
        assert alive() is None
    finally:
        gc.enable()


def test_a_loss_scale_stays_a_number_and_recovers():
    layer = gd.layers.Linear(2, 1, seed=0)
    optimizer = gd.optimizers.SGD(1e-6)
    scaler = gd.LossScaler(interval=1)

    def step(x):
        back = scaler.scaled(gd.sum(layer(x) * 1e-20)).backward(wrt=layer.parameters())
        return bool(scaler.step(optimizer, layer, back))

    good, bad = np.ones((1, 2), "float32"), np.full((1, 2), np.nan, "float32")
    assert all(step(good) for _ in range(130))
    assert np.isfinite(scaler.scale)
    assert not any(step(bad) for _ in range(200))
    assert scaler.scale > 0
    assert step(good)


def test_a_layer_that_takes_the_place_of_another_is_used():
    model = gd.layers.Sequential(fc1=gd.layers.Linear(3, 4, seed=0), fc2=gd.layers.Linear(4, 2, seed=1))
    run, x = gd.compile(lambda x: model(x)), np.ones((2, 3), "float32")
    assert run(x).shape == (2, 2)
    gd.replace_head(model, 5)
    np.testing.assert_array_equal(run(x), model(x))
    model.fc1.bias = gd.Parameter(np.ones(4))
    np.testing.assert_array_equal(run(x), model(x))
    traces = run.traces
    run(x)
    assert run.traces == traces
