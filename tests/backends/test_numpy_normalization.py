"""Batch norm's kernels: one pass or several, many threads or one, the same bits."""

import numpy as np
import pytest
from graphdiff_numpy import normalization, threads
from graphdiff_numpy.kernels import RAW
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd

EPS = 1e-5
SHAPES = [(2, 3, 1, 1), (4, 5, 6, 7), (3, 2, 40, 41), (64, 3, 9, 8)]  # short rows, and long ones in parts


def drawn(shape, dtype="float32"):
    rng = np.random.default_rng(0)
    g, x = rng.normal(size=(2, *shape)).astype(dtype)
    return g, 3 * x + 2, rng.normal(size=shape[1]).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_together_have_the_bits_of_each_alone(shape):
    g, x, w = drawn(shape)
    planes = np.empty((*shape[1:], shape[0]), "float32")  # with the batch innermost, as results come out
    out = planes.transpose(3, 0, 1, 2), np.empty_like(w)
    for together in (normalization.gradients(g, x, w, EPS), normalization.gradients(g, x, w, EPS, out)):
        alone = RAW["batch_norm_input_grad"](g, x, w, eps=EPS), RAW["batch_norm_weight_grad"](g, x, eps=EPS)
        assert [t.tobytes() for t in together] == [t.tobytes() for t in alone]


def test_a_compiled_step_calls_them_together():
    _, x, _ = drawn((4, 5, 6, 7))
    norm = gd.layers.BatchNorm2d(5)

    def step(x):
        back = gd.sum(gd.square(norm(x))).backward(wrt=[x, norm.weight])
        return back[x], back[norm.weight]

    compiled, eager = gd.compile(step), [t.numpy().tobytes() for t in step(gd.tensor(x))]
    for _ in range(3):
        assert [t.numpy().tobytes() for t in compiled(x)] == eager
    assert "batch_norm(" in compiled.source
    assert "_grad(" not in compiled.source


@pytest.mark.parametrize("kernel", ["batch_norm", "batch_norm_input_grad", "batch_norm_weight_grad", "var"])
def test_results_do_not_depend_on_the_number_of_threads(monkeypatch, kernel):
    monkeypatch.setattr(threads, "WORTH", 0)
    monkeypatch.setattr(normalization, "_BLOCK", 5000)
    g, x, w = drawn((8, 7, 20, 20))
    calls = {
        "batch_norm": lambda: RAW[kernel](x, w, w, eps=EPS),
        "batch_norm_input_grad": lambda: RAW[kernel](g, x, w, eps=EPS),
        "batch_norm_weight_grad": lambda: RAW[kernel](g, x, eps=EPS),
        "var": lambda: RAW[kernel](x.transpose(3, 0, 1, 2), axes=(0, 2, 3), ddof=0, keepdims=True),
    }
    results = set()
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "available", lambda count=count: count)
        results.add(calls[kernel]().tobytes())
    assert len(results) == 1


@given(
    st.sampled_from(SHAPES),
    st.sampled_from([(0, 2, 3), (0, 2), (1,), (0, 1, 2, 3)]),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 100.0]),
)
def test_variances_are_those_of_twice_the_digits(shape, axes, ddof, keepdims, innermost, mean):
    x = drawn(shape)[1] + np.float32(mean)
    if innermost:
        x = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    found = RAW["var"](x, axes=axes, ddof=ddof, keepdims=keepdims)
    expected = np.var(x.astype("float64"), axes, ddof=ddof, keepdims=keepdims)
    assert np.shape(found) == expected.shape
    assert found.dtype == x.dtype
    # Variances are off by the square of what rounding took from the mean, too.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize(("shape", "mean"), [((64, 2, 64, 64), 0), ((16, 2, 32, 32), 8)])
def test_sums_of_half_precision_do_not_overflow(shape, mean):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) + mean).astype("float16")
    w, g = np.ones(2, "float16"), rng.normal(size=shape).astype("float16")
    wide = [a.astype("float64") for a in (g, x, w)]
    y = RAW["batch_norm"](x, w, 0 * w, eps=EPS)
    assert y.dtype == "float16"
    np.testing.assert_allclose(y, RAW["batch_norm"](*wide[1:], 0 * wide[2], eps=EPS), atol=2e-2)
    for found, expected in zip(
        normalization.gradients(g, x, w, EPS), normalization.gradients(*wide, EPS), strict=True
    ):
        assert found.dtype == "float16"
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=2e-2 * np.abs(expected).max())
    found = RAW["var"](x, axes=(0, 2, 3), ddof=0, keepdims=False)
    np.testing.assert_allclose(found, np.var(wide[1], (0, 2, 3)), rtol=1e-2)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_kernel_that_was_replaced_stays_so_in_every_backward_pass(backend, monkeypatch):
    home = gd.get_backend(backend)
    monkeypatch.setitem(home.kernels, "batch_norm_weight_grad", lambda g, x, eps: x[0, :, 0, 0] * 0 + 7)
    with gd.backend(backend):
        norm = gd.layers.BatchNorm2d(2)
        x = gd.variable(np.random.default_rng(0).normal(size=(2, 2, 3, 3)).astype("float32"))
        for _ in range(3):
            back = gd.sum(gd.square(norm(x))).backward()
            assert back[norm.weight].numpy().tolist() == [7, 7]
