"""Compiled equals eager for all that is registered: to the last bit on NumPy, within rounding on torch."""

import numpy as np
import pytest
from compile.registered import HUGE, LARGE, LAYERS, LOSSES, MODELS, OPTIMIZERS
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from widening import widened

import graphdiff as gd
from graphdiff.testing.strategies import sources

BACKENDS = ["numpy", "torch"]
# Sums in another order, in the precision that took part.
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}

on_every_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.mark.parametrize(
    ("kind", "table"),
    [("layers", LAYERS), ("losses", LOSSES), ("optimizers", OPTIMIZERS), ("models", MODELS)],
)
def test_everything_registered_is_checked_here(kind, table):
    assert set(table) == set(getattr(gd, kind))


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
    if isinstance(module, gd.Module):
        module.train(mode)
    cells = module.named_cells if isinstance(module, gd.Module) else dict
    parameters = module.parameters() if isinstance(module, gd.Module) else []

    def step(*xs):
        return pulled(module, xs, parameters)

    found = []
    run = gd.compile(step) if compiled else step
    for k in range(2):
        given = [x if x.dtype.kind == "i" else x + k / 8 for x in inputs]
        found += run(*(gd.tensor(x) if compiled or x.dtype.kind == "i" else gd.variable(x) for x in given))
    return [*found, *(cell.numpy() for _, cell in cells())]


@on_every_backend
@pytest.mark.parametrize("name", sorted(gd.layers))
@given(source=sources(), mode=st.booleans(), dtype=st.sampled_from(["float32", "float64"]))
@settings(max_examples=10)
def test_layers(backend, name, source, mode, dtype):
    with gd.backend(backend):
        make, inputs = drawn(LAYERS, name, source)
        inputs = [x.astype(dtype) if x.dtype.kind == "f" else x for x in inputs]
        same(backend, *(twice(make, inputs, mode, compiled) for compiled in (False, True)))


@on_every_backend
@pytest.mark.parametrize("name", sorted(gd.losses))
@given(source=sources(), dtype=st.sampled_from(["float32", "float64"]))
@settings(max_examples=10)
def test_losses(backend, name, source, dtype):
    with gd.backend(backend):
        loss, inputs = drawn(LOSSES, name, source)
        inputs = [x.astype(dtype) if x.dtype.kind == "f" else x for x in inputs]
        same(backend, *(twice(lambda: loss, inputs, True, compiled) for compiled in (False, True)))


def descended(make, sizes, compiled):
    """Losses and parameters of a small network over three steps, the last at another rate."""
    gd.seed(2)
    layers = gd.layers
    model = layers.Sequential(layers.Linear(sizes[0], sizes[1]), layers.Tanh(), layers.Linear(sizes[1], 3))
    optimizer = make()

    def step(x, y):
        loss = gd.losses.softmax_cross_entropy(model(x), y)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    run, rng, losses = gd.compile(step) if compiled else step, np.random.default_rng(0), []
    for k in range(3):
        if k == 2:
            optimizer.lr = optimizer.lr / 2
        batch = rng.normal(size=(4, sizes[0])).astype("float32"), rng.integers(0, 3, 4)
        losses.append(run(*map(gd.tensor, batch)))
    return [*losses, *model.state_dict().values(), *optimizer.state_dict().values()]


@on_every_backend
@pytest.mark.parametrize("name", sorted(gd.optimizers))
@given(source=sources(), sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)))
@settings(max_examples=5)
def test_optimizers(backend, name, source, sizes):
    with gd.backend(backend):
        make = drawn(OPTIMIZERS, name, source)
        same(backend, *(descended(make, sizes, compiled) for compiled in (False, True)))


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
