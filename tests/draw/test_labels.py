"""Layers that label themselves: rows, a colour and a local gradient in their box."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from draw.reading import labels

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.labels import Label
from graphdiff.draw.palette import contrast
from graphdiff.errors import ArgumentError

X = np.ones((2, 4), "float32")


class Gate(gd.Module):
    def __init__(self, label: object = None) -> None:
        self.inner = gd.layers.Linear(4, 4)
        self.said = label or Label(rows=["gated <&>", "4 channels"], color="#3B2E7E", gradient="σ(Wx) ⊙ W")

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return gd.sigmoid(self.inner(x)) * x

    def draw_label(self) -> Label:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def net(*labels: object) -> gd.Module:
    return gd.layers.Sequential(first=Gate(*labels), last=gd.layers.Linear(4, 3))


def box(dot: str, title: str) -> str:
    return next(text for text in labels(dot).values() if text.startswith(title))


@pytest.mark.parametrize("style", ["tensor", "overview"])
def test_rows_and_gradient_stand_in_the_box_of_the_layer_alone(style: str) -> None:
    model = net()
    dot = draw(gd.sum(model(X)), style=style, fold="first").dot
    text = box(dot, "first")
    assert "gated <&> 4 channels ∂ σ(Wx) ⊙ W" in text
    assert "gated" not in box(dot, "last")
    line = next(line for line in dot.splitlines() if "gated" in line)
    assert 'BGCOLOR="#3B2E7E"' in line
    colors = set(re.findall(r'<FONT COLOR="(#\w+)" POINT-SIZE="1[02]">', line.partition("no backward")[0]))
    assert all(contrast(color, "#3B2E7E") >= 4.5 for color in colors - {"#4B5563"})


def test_a_graph_of_shapes_and_a_backward_pass_show_it_too() -> None:
    model = net()
    graph = gd.make_graph(lambda x: model(x), gd.TensorSpec((2, 4), "float32"))
    assert "gated" in box(draw(graph, style="tensor", depth=1).dot, "first")
    back = gd.sum(model(X)).backward()
    assert "gated" in box(draw(back, style="tensor", depth=1).dot, "first")


def test_other_formats_have_it(tmp_path: Path) -> None:
    model = net()
    picture = draw(gd.sum(model(X)), style="tensor", depth=1)
    found = json.loads(picture.save(tmp_path / "x.json").read_text("utf-8"))
    assert ["gated <&>", "4 channels", "∂ σ(Wx) ⊙ W"] in [box["rows"] for box in found["boxes"]]
    assert "gated #60;#38;#62;<br/>4 channels" in picture.save(tmp_path / "x.mmd").read_text("utf-8")


def test_a_layer_inside_a_folded_one_keeps_its_label_to_itself() -> None:
    outer = gd.layers.Sequential(block=net(), end=gd.layers.Linear(3, 2))
    y = gd.sum(outer(X))
    assert "gated" not in draw(y, style="tensor", depth=1).dot
    assert "gated" in draw(y, style="tensor", depth=2).dot


@pytest.mark.parametrize(
    ("label", "said"),
    [(ZeroDivisionError("in the label"), "ZeroDivisionError: in the label"), ("text", "str is no Label")],
)
def test_a_broken_label_is_named_and_the_box_is_plain(label: object, said: str) -> None:
    model = net(label)
    y = gd.sum(model(X))
    with pytest.warns(UserWarning, match=rf"Gate\.draw_label\(\) failed: .*{said}"):
        dot = draw(y, style="tensor", depth=1).dot
    assert box(dot, "first").startswith("first linear • sigmoid • multiply")


def test_a_layer_without_a_word_is_drawn_as_any_other() -> None:
    class Silent(Gate):
        def draw_label(self) -> None:
            return None

    silent = gd.layers.Sequential(first=Silent(), last=gd.layers.Linear(4, 3))
    assert box(draw(gd.sum(silent(X)), style="tensor", depth=1).dot, "first").startswith("first linear")


@pytest.mark.parametrize("fields", [{"color": "red"}, {"color": '"><'}, {"rows": "text"}, {"rows": [1]}])
def test_what_is_no_label_is_refused(fields: dict) -> None:
    with pytest.raises(ArgumentError):
        Label(**fields)


def test_a_graph_keeps_no_layer_alive_and_can_be_copied() -> None:
    model = net()
    y = gd.sum(model(X))
    graph = gd.make_graph(model, gd.TensorSpec((2, 4), "float32"))
    scope = next(node.scope for node in graph if node.scope == "first")
    assert pickle.loads(pickle.dumps(scope)) == copy.deepcopy(scope) == "first"
    del model
    gc.collect()
    assert "gated" not in draw(graph, style="tensor", depth=1).dot
    assert "gated" not in draw(y, style="tensor", depth=1).dot
