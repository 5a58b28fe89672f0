"""Graphs as JSON: what is written is read back, and what cannot be is refused by name."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.errors import GradientError, GraphError
from graphdiff.graph import Graph, TensorSpec
from graphdiff.primitive import Primitive


def same(one: Graph, other: Graph) -> bool:
    """Equal in all but the numbers of the nodes."""
    place = [{node.id: n for n, node in enumerate(graph)} for graph in (one, other)]

    def told(graph: Graph, place: dict[int, int]) -> list[object]:
        return [
            (n.primitive, [place[i] for i in n.inputs], dict(n.params), n.spec, n.name, n.scope)
            for n in graph
        ] + [
            (n.role, place.get(n.origin) if n.origin is not None else None, n.source, n.again) for n in graph
        ]

    return told(one, place[0]) == told(other, place[1]) and [place[0][i] for i in one.outputs] == [
        place[1][i] for i in other.outputs
    ]


@given(st.data())
def test_graphs_come_back_as_they_were(data: st.DataObject) -> None:
    unary = data.draw(st.lists(st.sampled_from([gd.tanh, gd.exp, gd.square, gd.negative]), max_size=4))
    name, scope = data.draw(st.text()), data.draw(st.sampled_from(["", "a", "a.b"]))

    def fn(x: gd.Tensor, y: gd.Tensor) -> object:
        with gd.scope(scope) if scope else gd.scope("plain"):
            for f in unary:
                x = f(x)
        z = (x * x + y)[..., 1:3].named(name)
        return (
            gd.sum(z, axis=0),
            gd.reshape(z, (6,)),
            gd.clip(z, -np.inf, 2.0),
            gd.sum(x, keepdims=True) * np.nan,
        )

    graph = gd.make_graph(fn, TensorSpec((3, 4), "float32"), TensorSpec((3, 4), "float32"))
    again = Graph.from_json(graph.to_json())
    assert str(again).count("%") == str(graph).count("%")
    assert again.to_json() == graph.to_json()
    assert [n.spec for n in again] == [n.spec for n in graph]


def test_a_whole_model_and_its_backward_pass_come_back() -> None:
    net = gd.models.lenet5()
    x = np.ones((2, 1, 28, 28), "float32")
    back = gd.losses.softmax_cross_entropy(net(x), [1, 2]).backward()
    again = Graph.from_json(back.graph.to_json())
    assert same(back.graph, again)
    assert gd.draw(again).dot == gd.draw(Graph(back.graph.nodes, back.graph.outputs)).dot


def test_checkpoints_come_back_without_what_they_compute_again() -> None:
    def graph_of_one() -> Graph:
        return gd.make_graph(gd.checkpoint(lambda x: gd.sin(x) * 2), TensorSpec((3,), "float32"))

    texts = [graph_of_one().to_json() for _ in range(2)]
    gc.collect()  # nobody's checkpoint is left
    for text in texts:
        again = Graph.from_json(text)
        assert again.to_json() == text
        (node,) = [n for n in again if n.primitive is not None and n.primitive.name == "checkpoint"]
        x = gd.variable([1.0])
        with pytest.raises(GradientError, match="computes again"):
            node.primitive(x * 1, x).backward()


def test_new_values_of_state_are_told_from_results() -> None:
    net = gd.layers.BatchNorm1d(3)
    graph = gd.make_graph(net, TensorSpec((2, 3), "float32"))
    assert (len(graph.outputs), graph.state) == (4, 3)
    again = Graph.from_json(graph.to_json())
    assert (len(again.outputs), again.state) == (4, 3)
    for state in (5, -1, "1", None):
        text = json.dumps(json.loads(graph.to_json()) | {"state": state})
        with pytest.raises(GraphError, match="state"):
            Graph.from_json(text)


def test_another_process_finds_the_operations_of_plugins(tmp_path: Path) -> None:
    net = gd.layers.Sequential(gd.layers.BatchNorm1d(3), gd.layers.Linear(3, 2))
    back = gd.losses.softmax_cross_entropy(net(np.eye(3, dtype="float32")), [0, 1, 1]).backward()
    path = tmp_path / "graph.json"
    path.write_text(back.graph.to_json(), "utf-8")
    program = (
        "import sys, graphdiff as gd; text = open(sys.argv[1], encoding='utf-8').read();"
        "print(gd.Graph.from_json(text).to_json() == text)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_small_constants_keep_their_values_whatever_they_are() -> None:
    def fn(x: gd.Tensor) -> gd.Tensor:
        return x * gd.tensor([np.nan, np.inf, -0.0, 1.5]) + gd.sum(x * 2.0) * gd.tensor(np.ones((17, 1)))

    graph = gd.make_graph(fn, TensorSpec((4,), "float64"))
    again = Graph.from_json(graph.to_json())
    values = {again[i].spec.size: t.numpy() for i, t in again.constants.items()}
    assert set(values) == {1, 4}
    np.testing.assert_array_equal(values[4], [np.nan, np.inf, -0.0, 1.5])
    assert np.signbit(values[4][2])


def changed(**changes: object) -> str:
    x = gd.variable(2.0)
    found = json.loads(gd.make_graph(gd.tanh, x).to_json())
    for key, value in changes.items():
        if key in found:
            found[key] = value
        else:
            found["nodes"][1][key] = value
    return json.dumps(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no graph"),
        ('{"format": "other"}', "no graph"),
        (changed(version=2), "version 2, known here is 1"),
        (changed(primitive="not_defined"), "no primitive is called 'not_defined' here"),
        (changed(params={"fn": {"object": "function"}}), "a function, which JSON cannot hold"),
        (changed(shape=[3]), "the shape rule of tanh gives"),
        (changed(role="leader"), "role 'leader'"),
        (changed(edges=[{"tail": 1, "head": 1, "argnum": 0}]), "cycle"),
        (changed(edges=[{"tail": 0, "head": 1, "argnum": 1}]), "describes no graph"),
        (changed(outputs=[7]), "output %7"),
        (changed(dtype="float3"), "float3"),
        (changed(nodes=[{}]), "describes no graph"),
    ],
)
def test_what_is_no_graph_is_refused(text: str, said: str) -> None:
    with pytest.raises(gd.GraphdiffError, match=said):
        Graph.from_json(text)


def test_primitives_are_found_by_name() -> None:
    own = Primitive("primitive_of_this_test", spec=lambda x: x, vjp=None)
    assert Primitive.named("primitive_of_this_test") is own
    graph = gd.make_graph(own, TensorSpec((2,), "float32"))
    assert Graph.from_json(graph.to_json())[1].primitive is own
    text = graph.to_json()
    del own, graph
    import gc

    gc.collect()
    with pytest.raises(GraphError, match="import the plugin"):
        Graph.from_json(text)
