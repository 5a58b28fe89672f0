"""Each pass alone: what it removes, and that it changes no bit."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.autodiff.walk import graph_of
from graphdiff.backend import get_backend
from graphdiff.compile.executable import straight_line
from graphdiff.compile.passes import (
    drop_dead,
    fold_constants,
    inline_composites,
    merge_common,
    relus_by_result,
    simplify,
)
from graphdiff.compile.program import program_of
from graphdiff.leaf import abstract

NUMPY = get_backend("numpy")
VALUES = [
    np.array([[1.5, -0.0, np.inf], [-2.0, 3.25, 1e-30]]),
    np.array([[0.5, 2.0, -1.0], [-0.0, np.nan, 7.0]]),
]


def program(fn):
    inputs = [abstract(gd.TensorSpec(v.shape, v.dtype)) for v in VALUES]
    result = fn(*inputs)
    return program_of(graph_of([result]), tuple(t.id for t in inputs))


def names(p):
    return [node.primitive.name for node in p.nodes if node.primitive]


def result(p):
    (array,) = straight_line(p, NUMPY).run(VALUES)
    return np.asarray(array)


def unchanged(before, after):
    assert result(before).tobytes() == result(after).tobytes()


def test_dead_code_goes():
    before = program(lambda x, y: (x + y, x * y)[0])
    whole = program_of(graph_of([x := abstract(gd.TensorSpec((2, 3), "float64")), gd.sin(x)]), (x.id,))
    only_input = drop_dead(type(whole)(whole.nodes, whole.inputs, (0,), whole.constants))
    assert names(only_input) == []
    assert names(drop_dead(before)) == ["add"]


def test_equal_nodes_become_one():
    before = program(
        lambda x, y: gd.sin(x) * 2.0 + gd.sin(x) * 2.0 + gd.sum(x, 0) + gd.sum(x, 0, keepdims=True)
    )
    after = drop_dead(merge_common(before))
    assert names(after).count("sin") == 1
    assert names(after).count("multiply") == 1
    assert names(after).count("sum") == 2
    unchanged(before, after)


def test_composites_without_a_kernel_are_unfolded_to_any_depth():
    inner = gd.Composite("inner", lambda x: x * 2 + 1, elementwise=True)
    outer = gd.Composite("outer", lambda x, y: inner(x) * inner(y), elementwise=True)
    before = program(lambda x, y: outer(x, gd.sigmoid(y)))
    after = inline_composites(before, NUMPY)
    assert "outer" not in names(after)
    assert "inner" not in names(after)
    assert "sigmoid" in names(after)  # NumPy has a kernel for it
    assert names(after).count("multiply") == 3
    np.testing.assert_array_equal(result(after), outer(VALUES[0], gd.sigmoid(VALUES[1])).numpy())


def test_constants_are_folded_unless_that_stores_more_than_it_saves():
    before = program(lambda x, y: x * (gd.exp(abstract_constant()) + 1))
    after = drop_dead(fold_constants(before, NUMPY))
    assert names(after) == ["multiply"]
    unchanged(before, after)
    large = program(lambda x, y: gd.sum(gd.broadcast_to(abstract_constant(), (200, 200))) + x)
    assert "broadcast_to" in names(fold_constants(large, NUMPY))


def abstract_constant():
    """A constant that is recorded as a node, as those inside a backward pass are."""
    from graphdiff.leaf import leaf

    return leaf(2.0, "float64", role="constant", recorded=True)


@pytest.mark.parametrize(
    ("fn", "left"),
    [
        (lambda x, y: x * 1.0, []),
        (lambda x, y: 1.0 * x, []),
        (lambda x, y: x / 1.0, []),
        (lambda x, y: x - 0.0, []),
        (lambda x, y: x + 0.0, ["add"]),
        (lambda x, y: 0.0 - x, ["subtract"]),
        (lambda x, y: gd.negative(gd.negative(x)), []),
        (lambda x, y: x.T.T, []),
        (
            lambda x, y: gd.transpose(gd.transpose(x.reshape(1, 2, 3), (1, 2, 0)), (1, 2, 0)),
            ["reshape", "transpose"],
        ),
        (lambda x, y: x.reshape(3, 2).reshape(6).reshape(2, 3), []),
        (lambda x, y: gd.stop_gradient(gd.identity(x)), []),
        (lambda x, y: gd.broadcast_to(x[0], (2, 3)) * y, ["slice", "reshape", "multiply"]),
        (lambda x, y: gd.broadcast_to(x[0], (2, 3)) * gd.broadcast_to(y[1], (2, 3)), None),
    ],
)
def test_simplification(fn, left):
    before = program(fn)
    after = drop_dead(simplify(before))
    if left is not None:
        assert names(after) == left
    unchanged(before, after)


def test_minus_zero_survives():
    p = drop_dead(simplify(program(lambda x, y: x - 0.0)))
    assert np.signbit(result(p)[0, 1])


def test_gradients_of_relu_read_its_result_where_it_is_the_usual_one():
    def fn(a, b):
        y = gd.relu(a * b)
        return y + gd.sum(y * b).backward(wrt=[a])[a]

    before = program(fn)
    after = relus_by_result(before, NUMPY.kernels)
    unchanged(before, after)
    made = {node.id: node.primitive.name for node in after.nodes if node.primitive}
    (grad,) = (node for node in after.nodes if made.get(node.id) == "relu_grad")
    assert made[grad.inputs[1]] == "relu"
    assert relus_by_result(before, {"relu_grad"}) is before
