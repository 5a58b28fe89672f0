"""The strategies draw what they promise."""

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.testing import check_gradients
from graphdiff.testing.strategies import (
    arrays,
    broadcastable_shapes,
    cotangents,
    graphs,
    shapes,
)


@given(shapes(1, 2, 2, 4))
def test_shapes_keep_their_bounds(shape):
    assert 1 <= len(shape) <= 2
    assert all(2 <= side <= 4 for side in shape)


@given(st.integers(1, 4).flatmap(broadcastable_shapes))
def test_shapes_broadcast_together(found):
    np.broadcast_shapes(*found)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@given(st.data())
def test_arrays_have_the_shape_and_dtype_asked_for(dtype, data):
    for shape in ((2, 3), shapes(max_dims=1)):
        array = data.draw(arrays(shape, dtype, -1.0, 1.0))
        assert array.dtype == dtype
        assert array.ndim <= 2
        assert np.abs(array).max(initial=0) <= 1
        assert dtype == "int64" or not (array == np.round(array)).any()


@given(arrays(), st.data())
def test_cotangents_suit_their_tensors(x, data):
    y = gd.sum(gd.variable(x.astype("float32")), axis=0) if x.ndim else gd.variable(x)
    back = y.backward(data.draw(cotangents(y)))
    assert back.output is y


@given(graphs())
def test_random_graphs_compile_as_they_run_and_have_the_gradients_of_differences(computation):
    eager, compiled = computation(*computation.inputs), gd.compile(computation)(*computation.inputs)
    assert eager.numpy().tobytes() == compiled.numpy().tobytes()
    graph = gd.make_graph(computation, *computation.inputs)
    assert graph[graph.outputs[0]].spec is eager.spec
    check_gradients(computation, *computation.inputs, rtol=1e-4, atol=1e-5)


def test_graphs_shrink_to_one_operation_that_uses_a_value_twice():
    smallest = find(graphs(), lambda c: any(len(set(k)) < len(k) for _, k in c.steps))
    assert smallest.steps == (("add", (0, 0)),)
    assert [x.shape for x in smallest.inputs] == [()]
