"""Graph: order, validation, multi-edges, networkx."""

import gc
import pickle
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff import source
from graphdiff.autodiff.walk import graph_of
from graphdiff.errors import DTypeError, GraphError, ShapeError

SCALAR = gd.TensorSpec((), "float64")


def leaf(id, **rest):
    return gd.Node(id, None, (), {}, rest.pop("spec", SCALAR), **{"role": "input", **rest})


def node(id, *inputs, primitive=gd.add, **rest):
    return gd.Node(id, primitive, inputs, {}, rest.pop("spec", SCALAR), **rest)


def test_specs_are_one_object():
    assert gd.TensorSpec((2, 3), "float32") is gd.TensorSpec([2, 3], np.float32)
    assert pickle.loads(pickle.dumps(SCALAR)) is SCALAR
    assert repr(gd.TensorSpec((2, 3), "float32")) == "float32[2, 3]"


def test_specs_that_nothing_refers_to_are_forgotten():
    before = len(gd.TensorSpec._known)
    specs = [gd.TensorSpec((n, 12347), "float32") for n in range(100)]
    assert len(gd.TensorSpec._known) == before + 100
    del specs
    gc.collect()
    assert len(gd.TensorSpec._known) <= before


def test_threads_get_the_same_spec():
    def make(_):
        start.wait()
        return [gd.TensorSpec((n, 12349), "float32") for n in range(200)]

    start = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(make, range(4)))
    assert all(len({id(s) for s in same}) == 1 for same in zip(*made, strict=True))


@pytest.mark.parametrize("shape", [(-1,), (1.5,), ("a",), (7.0, 11), 3])
def test_a_spec_refuses_what_is_no_shape(shape):
    known = gd.TensorSpec((7, 11), "float32")  # equal to (7.0, 11), and yet no excuse for it
    assert known is gd.TensorSpec((np.int64(7), 11), "float32")
    with pytest.raises(ShapeError):
        gd.TensorSpec(shape, "float32")


def test_a_spec_refuses_what_is_no_dtype():
    with pytest.raises(DTypeError, match="complex64"):
        gd.TensorSpec((), "complex64")


@given(st.permutations(range(6)))
def test_nodes_are_sorted_whatever_their_order(order):
    nodes = [leaf(0), leaf(1), node(2, 0, 1), node(3, 2, 2), node(4, 3, 0), node(5, 4, 1)]
    graph = gd.Graph([nodes[i] for i in order], (5,))
    assert [n.id for n in graph] == [0, 1, 2, 3, 4, 5]


@given(st.data())
def test_operands_always_come_first(data):
    count = data.draw(st.integers(1, 30))
    ids = data.draw(st.permutations(range(count)))
    nodes = [leaf(ids[0])]
    for k in range(1, count):
        one, two = (ids[data.draw(st.integers(0, k - 1))] for _ in range(2))
        nodes.append(node(ids[k], one, two))
    seen = set()
    for n in gd.Graph(data.draw(st.permutations(nodes)), (ids[-1],)):
        assert set(n.inputs) <= seen
        seen.add(n.id)


def test_both_edges_of_a_square_are_kept():
    x = gd.variable(3.0, name="x")
    graph = graph_of([x * x])
    product = graph.nodes[-1]
    assert graph.users(x.id) == ((product.id, 0), (product.id, 1))
    network = graph.to_networkx()
    assert sorted(network.edges(keys=True)) == [(x.id, product.id, 0), (x.id, product.id, 1)]


def test_networkx_carries_all_node_data():
    x = gd.variable([1.0, 2.0], name="x")
    with gd.scope("block"):
        y = gd.sum(x, keepdims=True).named("y")
    data = graph_of([y]).to_networkx().nodes[y.id]
    assert data["name"] == "y"
    assert data["scope"] == "block"
    assert data["role"] == "forward"
    assert data["params"] == {"axes": (0,), "keepdims": True}
    assert data["spec"] is gd.TensorSpec((1,), "float64")
    assert data["primitive"].name == "sum"
    assert data["source"].endswith("test_graph.py:" + data["source"].rpartition(":")[2])


def test_a_chain_of_100_000_nodes_is_sorted_without_recursion():
    nodes = [leaf(0), *(node(i, i - 1, i - 1) for i in range(1, 100_001))]
    assert len(gd.Graph(nodes[::-1], (100_000,))) == 100_001


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([leaf(0), leaf(0)], (0,), "share an id"),
        ([leaf(0), node(1, 0, 7)], (1,), "%7, which is not in the graph"),
        ([leaf(0)], (3,), "output %3"),
        ([node(0, 1, 1), node(1, 0, 0)], (0,), "cycle"),
        ([leaf(0), gd.Node(1, None, (0,), {}, SCALAR)], (1,), "operands but no primitive"),
        ([leaf(0, role="guest")], (0,), "role 'guest'"),
        ([leaf(0), node(1, 0, 0, spec=gd.TensorSpec((2,), "float64"))], (1,), "shape rule"),
    ],
)
def test_what_is_no_graph_is_refused(nodes, outputs, message):
    with pytest.raises(GraphError, match=message):
        gd.Graph(nodes, outputs)


def test_nodes_are_found_by_id_and_by_name():
    graph = gd.Graph([leaf(0, name="x"), leaf(1, name="y"), node(2, 0, 1)], (2,))
    assert graph["x"].id == 0
    assert graph[2].inputs == (0, 1)
    with pytest.raises(GraphError, match="names here: x, y"):
        graph["z"]
    with pytest.raises(GraphError, match="no node %9"):
        graph[9]


def test_the_text_of_a_graph():
    graph = gd.Graph([leaf(0, name="x"), node(1, 0, 0)], (1,))
    assert str(graph) == "%0 x = input : float64[]\n%1 = add(%0, %0) : float64[]\nreturn %1"
    assert repr(graph) == "<Graph of 2 nodes, 1 operations, 1 outputs>"


def test_users_of_an_unknown_node_are_refused():
    graph = gd.Graph([leaf(0), node(1, 0, 0)], (1,))
    assert graph.users(0) == ((1, 0), (1, 1))
    with pytest.raises(GraphError, match="no node %9999"):
        graph.users(9999)


@pytest.mark.parametrize("module", ["graphdiff_experiments", "graphdiffusion.nets", "__main__"])
def test_a_users_own_module_is_outside(module):
    scope = {"__name__": module, "gd": gd}
    exec(compile("\n\ny = gd.variable(1.0) * 2", "theirs.py", "exec"), scope)
    assert source.describe(scope["y"].source) == "theirs.py:3"


def test_looking_for_the_users_line_keeps_no_code_alive():
    code = compile("y = gd.tensor(1.0) * 2", "theirs.py", "exec")
    gone = weakref.ref(code)
    exec(code, {"__name__": "theirs", "gd": gd})
    del code
    gc.collect()
    assert gone() is None
