"""Statistics against NumPy, on both backends, and what they cost."""

import importlib

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import graphdiff as gd
from graphdiff.diagnose.statistics import bad_counts, norms_of, statistics_of

statistics = importlib.import_module(statistics_of.__module__)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
FLOATS = hnp.arrays(np.float64, SHAPES, elements=st.floats(width=64))
ARRAYS = st.one_of(
    FLOATS,
    hnp.arrays(np.float32, SHAPES, elements=st.floats(width=32)),
    hnp.arrays(np.int64, SHAPES, elements=st.integers(-(2**50), 2**50)),
    hnp.arrays(np.bool_, SHAPES),
)
BACKENDS = pytest.mark.parametrize("name", ["numpy", "torch"])


def on(name, array):
    with gd.backend(name):
        return gd.tensor(array)


def finite_part(array):
    flat = np.asarray(array, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]


@BACKENDS
@given(ARRAYS)
def test_statistics_are_numpys(name, array):
    (found,) = statistics_of([on(name, array)])
    kept = finite_part(array)
    assert found.spec.shape == array.shape
    assert found.nan == np.isnan(array).sum()
    assert found.infinite == np.isinf(array).sum()
    assert found.zero == (np.mean(array == 0) if array.size else 0)
    assert found.finite == bool(np.isfinite(array).all())
    if not kept.size:
        assert np.isnan([found.min, found.max, found.mean, found.std, found.norm]).all()
        return
    assert (found.min, found.max) == (kept.min(), kept.max())
    scale = np.abs(kept).max() or 1.0
    scaled = kept / scale
    with np.errstate(over="ignore"):
        expected = scale * np.array([scaled.mean(), scaled.std(), np.linalg.norm(scaled)])
    given = [found.mean, found.std, found.norm]
    np.testing.assert_allclose(given, expected, rtol=1e-9, atol=scale * 1e-12)


@BACKENDS
@given(hnp.arrays(np.float64, SHAPES, elements=st.floats(-1e3, 1e3)), st.integers(1, 12))
def test_a_histogram_counts_every_finite_element_once(name, array, bins):
    (found,) = statistics_of([on(name, array)], bins)
    if not array.size:
        assert found.histogram == ()
        return
    assert len(found.histogram) == bins
    assert sum(found.histogram) == array.size
    inner = np.linspace(array.min(), array.max(), bins + 1)[1:-1]
    for k, edge in enumerate(inner, 1):  # elements within rounding of an edge may lie on either side
        near = 1e-9 * max(1.0, float(np.abs(array).max()))
        below = sum(found.histogram[:k])
        if array.min() < array.max():
            assert (array < edge - near).sum() <= below <= (array < edge + near).sum()


@given(st.lists(FLOATS, min_size=1, max_size=4))
def test_bad_elements_are_counted(arrays):
    expected = [(np.isnan(a).sum(), np.isinf(a).sum()) for a in arrays]
    assert bad_counts([gd.tensor(a) for a in arrays]) == expected
    assert bad_counts([gd.tensor(3), gd.tensor(True)]) == [(0, 0)] * 2


@BACKENDS
def test_many_tensors_are_fetched_at_once(name, monkeypatch):
    rng = np.random.default_rng(0)
    tensors = [on(name, rng.normal(size=(k, 3))) for k in range(1, 30)]
    backend = tensors[0].backend
    fetched = []
    inner = type(backend).to_numpy
    monkeypatch.setattr(type(backend), "to_numpy", lambda self, a: fetched.append(a) or inner(self, a))
    statistics_of(tensors, bins=8)
    shapes = [tuple(table.shape) for table in fetched]
    assert shapes == ([] if name == "numpy" else [(29, 8 + 8)])  # NumPy's are on the host


def test_computing_and_training_ask_for_no_statistics(monkeypatch):
    def refuse(*_):
        raise AssertionError("nobody asked for statistics")

    monkeypatch.setattr(statistics, "fetched", refuse)
    x = gd.variable(np.ones((4, 3), "float32"), name="x")
    net = gd.layers.Linear(3, 2, seed=0)
    gd.losses.softmax_cross_entropy(net(x), np.zeros(4, int)).backward().graph  # noqa: B018
    trainer = gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
    trainer.fit((np.ones((4, 3), "float32"), np.zeros(4, int)), epochs=2, progress=False)
    with pytest.raises(AssertionError, match="nobody asked"):
        bad_counts([gd.tensor(np.nan)])


@BACKENDS
@given(st.lists(ARRAYS, max_size=4))
def test_norms_are_numpys(name, arrays):
    for found, array in zip(norms_of([on(name, a) for a in arrays]), arrays, strict=True):
        flat = np.asarray(array, np.float64).ravel()
        scale = np.abs(flat).max(initial=0.0)
        usual = np.isfinite(scale) and scale > 0
        with np.errstate(over="ignore"):
            expected = scale * np.linalg.norm(flat / scale) if usual else scale
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@BACKENDS
def test_a_picture_fetches_its_norms_at_once(name, monkeypatch):
    """One transfer for the norms, none where they are on the host; loss and bad values are others."""
    fetched = []
    with gd.backend(name) as backend:
        x = gd.variable(np.ones((4, 3, 3)), name="x")
        hidden = x
        for k in range(6):
            with gd.scope(f"layer{k}"):
                hidden = gd.tanh(hidden @ gd.Parameter(np.eye(3), "float64", name=f"w{k}")) + hidden
        back = gd.mean(hidden).backward()
        inner = type(backend).to_numpy
        monkeypatch.setattr(type(backend), "to_numpy", lambda self, a: fetched.append(a) or inner(self, a))
        gd.draw(back, style="tensor").dot  # noqa: B018
    tables = [a for a in fetched if tuple(a.shape)[1:] == (1,)]
    assert len(tables) == (name == "torch")
    assert all(max(a.shape, default=1) < 30 for a in fetched)
    assert len(fetched) < 6
