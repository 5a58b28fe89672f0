"""The sources of inputs: what they promise about shapes and values, at random and under Hypothesis."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from graphdiff.testing import HypothesisSource, RandomSource, Source, sources

both = given(source=st.one_of(sources(), st.integers(0, 2**32).map(RandomSource)))


@both
def test_shapes_keep_their_bounds(source):
    assert source.shape(2, 2, 1, 1) == (1, 1)
    shape = source.shape(min_dims=1, max_dims=2, min_side=2, max_side=5)
    assert 1 <= len(shape) <= 2
    assert all(2 <= n <= 5 for n in shape)
    assert len(source.shape()) <= 3
    assert all(0 <= n <= 3 for n in source.shape())


@both
def test_broadcastable_shapes_broadcast(source):
    shapes = source.broadcastable(3)
    assert len(shapes) == 3
    np.broadcast_shapes(*shapes)


@both
def test_arrays_lie_off_every_kink(source):
    x, y = source.array((3, 2)), source.array((3, 2), offset=0.75)
    for values in (x, y):
        assert values.dtype == np.float64
        assert ((values > -2) & (values < 2)).all()
        assert (np.abs(values - np.round(values)) > 0.03).all()
    assert (np.abs(x[..., None] - y.ravel()) > 0.03).all()
    narrow = source.array((4,), low=0.5, high=0.8)
    assert ((narrow >= 0.5) & (narrow <= 0.8)).all()


@both
def test_distinct_values_are_well_apart(source):
    x = source.distinct((3, 3, 2))
    gaps = np.diff(np.sort(x.ravel()))
    assert x.shape == (3, 3, 2)
    assert (gaps > 0.1).all()
    assert (np.abs(x) > 0.03).all()


@both
def test_integers_choices_and_axes_keep_their_bounds(source):
    index = source.integers((2, 3), -2, 1)
    assert index.dtype == np.int64
    assert ((index >= -2) & (index <= 1)).all()
    assert source.integer(3, 4) in (3, 4)
    assert source.choice("abc") in "abc"
    assert source.boolean() in (True, False)
    assert source.axis(3) in (0, 1, 2)
    axes = source.axes(4)
    assert axes == tuple(sorted(set(axes)))
    assert set(axes) <= set(range(4))
    assert sorted(source.permutation(5)) == [0, 1, 2, 3, 4]


def everything_from(source):
    shapes = [source.shape() for _ in range(300)]
    return shapes, [source.axes(2) for _ in range(50)], [source.broadcastable(2) for _ in range(50)]


def test_everything_that_may_be_drawn_is_drawn():
    shapes, axes, pairs = everything_from(RandomSource(0))
    assert {len(s) for s in shapes} == {0, 1, 2, 3}
    assert {n for s in shapes for n in s} == {0, 1, 2, 3}
    assert set(axes) == {(), (0,), (1,), (0, 1)}
    assert any(len(one) != len(two) for one, two in pairs)
    assert any(one != two and len(one) == len(two) for one, two in pairs)


def test_equal_seeds_draw_equal_examples():
    assert everything_from(RandomSource(7)) == everything_from(RandomSource(7))
    assert everything_from(RandomSource(7)) != everything_from(RandomSource(8))
    assert repr(RandomSource(7)) == "RandomSource(7)"


@pytest.mark.parametrize("kind", [RandomSource, HypothesisSource])
def test_sources_are_sources(kind):
    assert issubclass(kind, Source)


@st.composite
def arrays(draw):
    source = HypothesisSource(draw)
    return source.array(source.shape())


def test_failures_shrink_to_the_simplest_example():
    assert find(arrays(), lambda x: True).shape == ()
    assert find(arrays(), lambda x: x.ndim >= 2).shape == (1, 1)
    large = find(arrays(), lambda x: x.size > 3 and x.max() > 1)
    assert sorted(large.ravel())[:-1] == [0.05] * (large.size - 1)
    assert large.max() == pytest.approx(1.05)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_hypothesis_is_imported_only_for_its_own_strategies():
    done = run(
        "import sys, graphdiff.testing as t; t.check_gradients; assert 'hypothesis' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr
    done = run("import sys; sys.modules['hypothesis'] = None; from graphdiff.testing import sources")
    assert "pip install hypothesis" in done.stderr


def test_an_unknown_name_is_an_attribute_error():
    from graphdiff import testing

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        testing.nothing  # noqa: B018
