"""Fusion groups: elementwise neighbours of one shape, in an order that computes the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.autodiff.walk import graph_of
from graphdiff.backend import get_backend
from graphdiff.compile.executable import straight_line
from graphdiff.compile.passes.fusion import elementwise_groups
from graphdiff.compile.program import program_of
from graphdiff.leaf import abstract

X, Y = np.arange(6.0).reshape(2, 3), np.linspace(-1, 1, 6).reshape(2, 3)


def groups_of(fn, fits=lambda node: True):
    """The names in each group, after comparing the results of both orders."""
    inputs = [abstract(gd.TensorSpec(a.shape, a.dtype)) for a in (X, Y)]
    before = program_of(graph_of(list(fn(*inputs))), tuple(t.id for t in inputs))
    after, groups = elementwise_groups(before, fits)
    assert {node.id for node in after.nodes} == {node.id for node in before.nodes}
    assert after.graph  # operands before users, or the ids would be unknown
    place = {node.id: k for k, node in enumerate(after.nodes)}
    for nodes in groups:
        assert [place[node.id] for node in nodes] == list(range(place[nodes[0].id], place[nodes[-1].id] + 1))
    one, two = (straight_line(p, get_backend("numpy")).run([X, Y]) for p in (before, after))
    for a, b in zip(one, two, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    return [[node.primitive.name for node in nodes] for nodes in groups]


def test_a_chain_is_a_group_and_what_is_needed_meanwhile_stands_before_it():
    def fn(x, y):
        centred = x - gd.sum(x, 0, keepdims=True)
        scale = gd.sqrt(gd.sum(y, 0, keepdims=True) + 9.0)
        return [gd.relu(centred / scale)]

    assert groups_of(fn) == [["add", "sqrt"], ["subtract", "divide", "relu"]]


def test_a_group_ends_where_another_operation_needs_its_result():
    def fn(x, y):
        z = gd.exp(x * y)
        return [(z - gd.sum(z)) * 2.0]

    assert groups_of(fn) == [["multiply", "exp"], ["subtract", "multiply"]]


def test_unrelated_chains_and_other_shapes_are_groups_of_their_own():
    assert groups_of(lambda x, y: [gd.exp(gd.sin(x)), gd.exp(gd.sin(y))]) == [["sin", "exp"]] * 2
    assert groups_of(lambda x, y: [gd.sin(x) * gd.cos(x)]) == [["sin", "cos", "multiply"]]
    assert groups_of(lambda x, y: [gd.exp(gd.sin(x)[0])]) == []
    assert groups_of(lambda x, y: [gd.exp(gd.sin(x))], lambda node: node.primitive.name == "exp") == []


STEPS = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "row": lambda a, b: a * b[0],
    "sin": lambda a, b: gd.sin(a),
    "sum": lambda a, b: a - gd.sum(b, 0, keepdims=True),
    "matmul": lambda a, b: a @ gd.transpose(b) @ a,
    "flip": lambda a, b: b[::-1],
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), *[st.integers(0, 30)] * 2), min_size=1, max_size=20)
)
def test_random_programs_keep_their_values(steps):
    def fn(x, y):
        values = [x, y]
        for name, i, j in steps:
            values.append(STEPS[name](values[i % len(values)], values[j % len(values)]))
        return values[2:]

    groups_of(fn)
