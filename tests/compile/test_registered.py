"""Compiled equals eager for every registered model: to the last bit on NumPy, within rounding on torch."""

import numpy as np
import pytest
from compile.registered import HUGE, LARGE, MODELS
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from widening import widened

import graphdiff as gd
from graphdiff.testing.strategies import sources

BACKENDS = ["numpy", "torch"]
# Sums in another order, in the precision that took part.
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}

on_every_backend = pytest.mark.parametrize("backend", BACKENDS)


def test_everything_registered_is_checked_here():
    assert set(MODELS) == set(gd.models)


def drawn(table, name, source):
    assert name in table, f"{name} is registered; say in tests/compile/registered.py how to make one"
    return table[name](source, name)


def same(backend, eager, compiled):
    assert len(eager) == len(compiled)
    for one, two in zip(map(np.asarray, eager), map(np.asarray, compiled), strict=True):
        assert (one.shape, one.dtype) == (two.shape, two.dtype)
        if backend == "numpy":
            assert one.tobytes() == two.tobytes()
        else:
            tolerance = TOLERANCE.get(str(one.dtype), 0)
            scale = np.abs(one).max(initial=0)
            np.testing.assert_allclose(two, one, rtol=tolerance, atol=tolerance * max(1, scale))


def pulled(fn, inputs, parameters):
    """The value, and the gradients of a projection of it that has no equal slopes."""
    value = fn(*inputs)
    slopes = np.cos(np.arange(value.size)).reshape(value.shape)
    loss = gd.sum(value * gd.cast(gd.as_tensor(slopes), value.dtype)) + 0.0 * sum(
        gd.sum(t) for t in (*parameters, *(x for x in inputs if x.dtype.is_floating))
    )
    wanted = [*parameters, *(x for x in inputs if x.dtype.is_floating)]
    back = loss.backward(wrt=wanted)
    return [value, *(back[t] for t in wanted)]


def twice(make, inputs, mode, compiled):
    """Two calls with new inputs each time, and the state that they leave."""
    gd.seed(1)
    module = make()
    module.train(mode)
    parameters = module.parameters()

    def step(*xs):
        return pulled(module, xs, parameters)

    found = []
    run = gd.compile(step) if compiled else step
    for k in range(2):
        given = [x if x.dtype.kind == "i" else x + k / 8 for x in inputs]
        found += run(*(gd.tensor(x) if compiled or x.dtype.kind == "i" else gd.variable(x) for x in given))
    return [*found, *(cell.numpy() for _, cell in module.named_cells())]


def check_model(backend, name, source, seed):
    with gd.backend(backend):
        make, shape = drawn(MODELS, name, source)
        x = np.random.default_rng(seed).normal(size=shape).astype("float32")
        if backend == "torch":
            narrow, x = make, x.astype("float64")
            make = lambda: widened(narrow())  # noqa: E731
        same(backend, *(twice(make, [x], True, compiled) for compiled in (False, True)))


@on_every_backend
@pytest.mark.parametrize("name", sorted(set(gd.models) - LARGE - HUGE))
@given(source=sources(), seed=st.integers(0, 99))
@settings(max_examples=5)
def test_models(backend, name, source, seed):
    check_model(backend, name, source, seed)


@on_every_backend
@pytest.mark.parametrize("name", sorted(LARGE))
@given(source=sources(), seed=st.integers(0, 99))
@settings(max_examples=1, phases=[Phase.generate])  # too large to be made smaller
def test_large_models(backend, name, source, seed):
    check_model(backend, name, source, seed)


@pytest.mark.campaign
@on_every_backend
@pytest.mark.parametrize("name", sorted(HUGE))
@given(source=sources(), seed=st.integers(0, 99))
@settings(max_examples=1, phases=[Phase.generate])
def test_huge_models(backend, name, source, seed):
    check_model(backend, name, source, seed)
