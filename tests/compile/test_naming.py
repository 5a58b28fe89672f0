"""Inputs of traced functions are called as the function calls them, in graphs, errors, pictures and JSON."""

import json
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.json_format import json_text
from graphdiff.errors import ShapeError
from graphdiff.pytree import flatten

SPEC = gd.TensorSpec((2, 2), "float32")
Pair = namedtuple("Pair", "images labels")
KEYS = st.text("abc'.]", max_size=3) | st.integers(0, 9)
TREES = st.recursive(
    st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Pair, inner, inner)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
)


def inputs_of(graph):
    return [node.name for node in graph if node.role == "input"]


@given(TREES)
def test_a_path_is_how_python_reaches_the_leaf(tree):
    leaves, structure = flatten(tree)
    assert [eval(f"tree{path}", {"tree": tree}) for path in structure.paths()] == leaves


def test_inputs_have_the_names_of_the_arguments_and_their_place_in_them():
    def step(params, batch, *, scale):
        return gd.sum(batch.images @ params["w"] - batch.labels) * scale

    ones = np.ones((2, 2))
    run = gd.compile(step)
    run({"w": ones}, Pair(ones, ones), scale=np.ones(()))
    names = ["params['w']", "batch.images", "batch.labels", "scale"]
    assert sorted(inputs_of(run.graph)) == sorted(names)
    picture = draw(run.graph)
    assert all(name.replace("'", "&#x27;") in picture.dot for name in names)

    assert set(names) <= {node["name"] for node in json.loads(json_text(picture))["nodes"]}


def test_a_tensor_that_has_a_name_keeps_it():
    batch = gd.tensor(np.ones((2, 2)), name="batch")
    assert inputs_of(gd.make_graph(lambda x, y: x + y, batch, SPEC)) == ["batch", "y"]


def test_errors_say_which_argument_does_not_fit():
    with pytest.raises(ShapeError, match=r"batch\[1\]: float64\[3, 3\]"):
        gd.compile(lambda batch: batch[0] @ batch[1])((np.ones((2, 2)), np.ones((3, 3))))


@pytest.mark.parametrize(
    ("fn", "names"),
    [
        (lambda x, y: x + y, ["x", "y"]),
        (lambda *xs: xs[0] + xs[1], ["xs[0]", "xs[1]"]),
        (lambda x, *rest: x + rest[0], ["x", "rest[0]"]),
        (gd.compile(lambda a, b: a + b), ["a", "b"]),
    ],
    ids=["arguments", "any number", "some more", "compiled"],
)
def test_arguments_by_position(fn, names):
    assert inputs_of(gd.make_graph(fn, SPEC, SPEC)) == names


def test_a_layer_names_what_its_forward_takes():
    assert inputs_of(gd.make_graph(gd.layers.ReLU(), SPEC)) == ["x"]


def test_a_callable_without_a_readable_signature_names_nothing():
    class Hidden:
        __signature__ = "none"

        def __call__(self, x):
            return gd.exp(x)

    assert inputs_of(gd.make_graph(Hidden(), SPEC)) == [""]


def test_a_parameter_as_an_argument_is_a_cell_of_the_graph():
    p, x = gd.Parameter([2.0]), np.ones(1, "float32")
    run = gd.compile(lambda weight, x: weight * x)
    assert run(p, x).tolist() == [2.0]
    p.assign([4.0])
    assert run(p, x).tolist() == [4.0]
    assert run.traces == 1
