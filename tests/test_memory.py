"""Training does not grow: what a step made is gone after it."""

import gc
import tracemalloc

import numpy as np
import pytest

import graphdiff as gd


def _problem():
    model = gd.layers.Sequential(
        gd.layers.Linear(8, 16, seed=0), gd.layers.BatchNorm1d(16), gd.layers.ReLU(),
        gd.layers.Dropout(0.2, seed=0), gd.layers.Linear(16, 3, seed=1),
    )  # fmt: skip
    optimizer = gd.optimizers.Adam(0.001)
    rng = np.random.default_rng(0)
    return model, optimizer, rng.normal(size=(8, 8)).astype("float32"), rng.integers(3, size=8)


def _eager():
    model, optimizer, x, y = _problem()

    def step():
        record = gd.losses.softmax_cross_entropy(model(x), y).backward(wrt=model.parameters())
        optimizer.step(model, record)
        return record

    return step, lambda record: record


def _compiled():
    model, optimizer, x, y = _problem()
    trainer = gd.Trainer(model, gd.losses.softmax_cross_entropy, optimizer)
    x, y = gd.tensor(x), gd.tensor(y)
    return lambda: trainer.step(x, y), lambda _: trainer.objective(x, y).backward(wrt=model.parameters())


def grown(make, steps, every):
    """Bytes and objects by which the second half of so many steps, some of them drawn, outgrew the first."""
    step, record_of = make()

    def some(count):
        for number in range(count):
            made = step()
            if number % every == 0:
                assert gd.draw(record_of(made), style="overview").dot
        del made
        gc.collect()
        return tracemalloc.get_traced_memory()[0], len(gc.get_objects())

    tracemalloc.start()
    try:
        some(max(steps // 10, every + 1))  # caches fill
        before = some(steps // 2)
        after = some(steps // 2)
    finally:
        tracemalloc.stop()
    return after[0] - before[0], after[1] - before[1]


@pytest.mark.parametrize("make", [_eager, _compiled])
@pytest.mark.parametrize("steps", [200, pytest.param(10_000, marks=pytest.mark.campaign)])
def test_training_steps_do_not_grow(make, steps):
    bytes_, objects = grown(make, steps, every=40 if steps < 1000 else 100)
    # A leak of one object in each step would be 100 objects, or 5,000; of an array, which is not counted, a
    # few hundred bytes in each. What was drawn leaves a few thousand bytes of caches, however many the steps.
    assert objects < steps // 8, (bytes_, objects)
    assert bytes_ < 100 * steps, (bytes_, objects)
