"""Pictures as JSON: the graph's numbers, and boxes that refer to its nodes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.draw import Picture, draw
from graphdiff.errors import DrawingError


def read(picture: Picture, folder: Path) -> dict:
    return json.loads(picture.save(folder / "x.json").read_text("utf-8"))


def test_a_circuit_with_all_its_numbers(tmp_path: Path) -> None:
    x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
    f = (x + y) * z
    found = read(draw(f, gradients=f.backward(), title="lecture"), tmp_path)
    assert found["title"] == "lecture"
    value = {node["name"] or node["primitive"]: node["value"]["data"] for node in found["nodes"]}
    gradient = {node["name"] or node["primitive"]: node["gradient"]["data"] for node in found["nodes"]}
    assert value == {"x": -2, "y": 5, "z": -4, "add": 3, "multiply": -12}
    assert gradient == {"x": -4, "y": -4, "z": 3, "add": -4, "multiply": 1}
    edges = [(e["tail"], e["head"], e["argnum"], e["gradient"]["data"]) for e in found["edges"]]
    assert edges == [(0, 3, 0, -4), (1, 3, 1, -4), (3, 4, 0, -4), (2, 4, 1, 3)]
    assert {box["title"]: box["members"] for box in found["boxes"]} == {
        "x": [0],
        "y": [1],
        "z": [2],
        "+": [3],
        "×": [4],
        "f": [4],
    }
    assert {"tail": "n3", "head": "n4", "text": "3.00"} in found["links"]


def test_statistics_of_what_is_large_or_not_finite(tmp_path: Path) -> None:
    x = gd.variable(np.arange(20.0), name="x")
    y = gd.variable([np.nan, np.inf, 3.0], name="y")
    nodes = {node["name"]: node for node in read(draw(gd.sum(x) + gd.sum(y)), tmp_path)["nodes"]}
    assert nodes["x"]["value"] == {"norm": pytest.approx(2470**0.5), "min": 0, "max": 19, "mean": 9.5}
    assert nodes["y"]["value"]["data"] == ["nan", "inf", 3.0]
    assert [nodes["y"]["value"][name] for name in ("mean", "nan", "infinite")] == [3, 1, 1]
    assert nodes["x"]["gradient"] == "not yet"


def test_no_gradient_is_told_apart_from_none_yet(tmp_path: Path) -> None:
    x = gd.variable(2.0, name="x")
    f = x * gd.tensor(3.0, name="constant")
    assert {n["gradient"] for n in read(draw(f), tmp_path)["nodes"]} == {"not yet"}
    nodes = {n["name"]: n for n in read(draw(f, gradients=f.backward()), tmp_path)["nodes"]}
    assert nodes["x"]["gradient"]["data"] == 3
    assert nodes["constant"]["gradient"] == "none"


def test_boxes_hold_all_operations_but_mere_views_once(tmp_path: Path) -> None:
    net = gd.models.lenet5()
    loss = gd.losses.softmax_cross_entropy(net(np.ones((2, 1, 28, 28), "float32")), [1, 2])
    picture = draw(loss.backward())
    found = read(picture, tmp_path)
    members = [i for box in found["boxes"] for i in box["members"] if not box["id"].startswith("out")]
    assert len(members) == len(set(members))
    missing = {n["primitive"] for n in found["nodes"] if n["primitive"] and n["id"] not in members}
    assert missing <= {"transpose", "reshape", "identity"}
    ids = {box["id"] for box in found["boxes"]}
    assert {link[end] for link in found["links"] for end in ("tail", "head")} <= ids
    assert sum(box["parameters"] for box in found["boxes"]) == net.parameter_count


def test_the_graph_is_read_back_and_drawn_the_same(tmp_path: Path) -> None:
    graph = gd.make_graph(gd.models.lenet5(), gd.TensorSpec((2, 1, 28, 28), "float32"))
    picture = draw(graph)
    again = gd.Graph.from_json(picture.save(tmp_path / "x.json").read_text("utf-8"))
    assert draw(again).dot == picture.dot


@pytest.mark.parametrize("options", [{"unfold": True}, {"show": "backward"}, {"show": "both"}])
def test_every_kind_of_picture_is_a_graph(options: dict, tmp_path: Path) -> None:
    x, w = gd.variables(x=[1.0, 2.0], w=[0.5, -0.5])
    f = gd.sum(gd.sigmoid(x * w))
    picture = draw(f.backward(), **options)
    text = picture.save(tmp_path / "x.json").read_text("utf-8")
    assert len(gd.Graph.from_json(text)) == len(json.loads(text)["nodes"])
    assert picture.save(tmp_path / "y.json").read_text("utf-8") == text
    stages = {box["stage"] for box in json.loads(text)["boxes"]}
    assert stages == ({"forward", "backward"} if options.get("show") in ("both", "backward") else {"forward"})


def test_dot_text_alone_has_no_json() -> None:
    with pytest.raises(DrawingError, match="not of one graph"):
        gd.renderers[".json"](Picture("digraph { a }"))
