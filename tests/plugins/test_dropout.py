"""Dropout: what it keeps and scales, its gradient, its modes, and its random numbers from step to step."""

import backends.strict  # noqa: F401
import numpy as np
import pytest
from graphdiff_layers.dropout import dropout
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.testing import check_gradients, check_primitive
from graphdiff.testing.strategies import sources

BACKENDS = ["numpy", "torch"]


@pytest.mark.parametrize("backend", BACKENDS)
@given(
    source=sources(), p=st.sampled_from([0.1, 0.25, 0.5, 0.9]), dtype=st.sampled_from(["float32", "float64"])
)
def test_the_kernels_equal_the_decomposition_to_the_last_bit(backend, source, p, dtype):
    with gd.backend(backend):
        x, key = (
            gd.variable(source.array(source.shape(max_side=9)), dtype),
            gd.random.key(source.integer(0, 99)),
        )
        assert "dropout" in get_backend(backend).kernels
        whole, parts = dropout(x, key, p=p), dropout.decompose(x, key, p=p)
        assert whole.dtype == dtype
        assert np.asarray(whole).tobytes() == np.asarray(parts).tobytes()
        g = np.asarray(source.array(x.shape, offset=0.7), dtype)
        one, two = whole.backward(g)[x], parts.backward(g)[x]
        np.testing.assert_allclose(one, two, rtol=1e-6)


@check_primitive.parametrize(dropout)
@pytest.mark.parametrize("backend", [*BACKENDS, "strict"])
def test_every_check_of_a_primitive(backend, check):
    with gd.backend(backend):
        check()


@given(st.integers(0, 2**32), st.floats(0.05, 0.95))
def test_what_is_kept_is_scaled_so_that_the_mean_stays(seed, p):
    out = np.asarray(gd.layers.Dropout(p, seed=seed)(np.ones(40_000)))
    kept = out != 0
    np.testing.assert_allclose(out[kept], 1 / (1 - p))
    assert abs(kept.mean() - (1 - p)) <= 6 * np.sqrt(p * (1 - p) / kept.size)


def test_the_gradient_goes_where_the_value_went():
    x = gd.variable(np.ones(1000))
    out = gd.layers.Dropout(0.3, seed=0)(x)
    np.testing.assert_array_equal(gd.sum(out).backward()[x], out)
    key = gd.random.key(1)
    check_gradients(lambda v: gd.sum(gd.sin(dropout(v, key, p=0.3)) * v), np.linspace(-1, 1, 7), order=3)
    tangent = gd.jvp(lambda v: dropout(v, key, p=0.3), [np.ones(9)], [np.full(9, 2.0)])[1]
    np.testing.assert_array_equal(tangent, dropout(np.full(9, 2.0), key, p=0.3))


def test_modes_and_ends_of_p():
    x, layer = gd.tensor([1.0, 2.0]), gd.layers.Dropout(0.5, seed=0)
    assert layer.eval()(x) is x
    assert layer.stream.count.item() == 0
    assert gd.layers.Dropout(0)(x) is x
    assert gd.layers.Dropout(1)(x).tolist() == [0, 0]
    for p in (-0.1, 1.5, float("nan")):
        with pytest.raises(ArgumentError, match="0 ≤ p ≤ 1"):
            gd.layers.Dropout(p)


def trained(compiled, backend):
    gd.seed(4)
    with gd.backend(backend):
        layers = gd.layers
        model = layers.Sequential(
            layers.Linear(6, 8), layers.Dropout(0.4), layers.ReLU(), layers.Linear(8, 3)
        )
        optimizer = gd.optimizers.SGD(0.1, momentum=0.9)

        def step(x, y):
            loss = gd.losses.softmax_cross_entropy(model(x), y)
            optimizer.step(model, loss.backward(wrt=model.parameters()))
            return loss

        run, rng = gd.compile(step) if compiled else step, np.random.default_rng(0)
        batches = [(rng.normal(size=(5, 6)).astype("float32"), rng.integers(0, 3, 5)) for _ in range(4)]
        return [run(*map(gd.tensor, batch)).item() for batch in batches], model.state_dict()


def test_training_is_the_same_eager_compiled_and_on_torch():
    losses, state = trained(False, "numpy")
    compiled_losses, compiled_state = trained(True, "numpy")
    assert losses == compiled_losses
    assert state["1.stream.count"] == 4
    for name, value in state.items():
        np.testing.assert_array_equal(value, compiled_state[name], err_msg=name)
    for compiled in (False, True):
        torch_losses, torch_state = trained(compiled, "torch")
        np.testing.assert_allclose(losses, torch_losses, rtol=1e-5)
        for name, value in state.items():
            np.testing.assert_allclose(torch_state[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_compiled_step_draws_anew_each_time():
    layer = gd.layers.Dropout(0.5, seed=0)
    run = gd.compile(lambda x: layer(x))
    masks = {run(np.ones(64, "float32")).numpy().tobytes() for _ in range(4)}
    assert len(masks) == 4
    assert run.traces == 1


# Whole channels


@given(st.integers(0, 99), st.sampled_from([0.25, 0.5, 0.8]))
def test_whole_channels_are_kept_or_dropped(seed, p):
    x = np.random.default_rng(seed).uniform(1, 2, (40, 50, 2, 3))
    layer, variable = gd.layers.Dropout2d(p, seed=seed), gd.variable(x)
    out = layer(variable)
    kept = np.asarray(out) != 0
    assert (kept == kept[:, :, :1, :1]).all()
    np.testing.assert_allclose(out, x * kept / (1 - p), rtol=1e-12)
    np.testing.assert_allclose(gd.sum(out).backward()[variable], kept / (1 - p), rtol=1e-12)
    kept = kept[:, :, 0, 0]
    assert abs(kept.mean() - (1 - p)) <= 6 * np.sqrt(p * (1 - p) / kept.size)


def test_dropping_channels_draws_anew_also_when_compiled_and_not_in_evaluation():
    x = gd.tensor(np.ones((4, 16, 2, 2), "float32"))
    layers = [gd.layers.Dropout2d(0.5, seed=0) for _ in range(2)]
    run = gd.compile(lambda x: layers[1](x))
    masks = set()
    for _ in range(4):
        eager, compiled = layers[0](x), run(x)
        assert compiled.dtype == "float32"
        np.testing.assert_array_equal(eager, compiled)
        masks.add(eager.numpy().tobytes())
    assert len(masks) == 4
    assert run.traces == 1
    assert layers[0].eval()(x) is x
    assert gd.layers.Dropout2d(0)(x) is x
    assert not gd.layers.Dropout2d(1)(x).numpy().any()
    with pytest.raises(ShapeError, match=r"Dropout2d: the input has shape \(4, 16\)"):
        gd.layers.Dropout2d(0.5)(np.ones((4, 16)))
