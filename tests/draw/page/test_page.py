"""The text of a page: one file, strict policy, numbers of the record, harmless names."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from draw.page import samples
from draw.reading import needs_engine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import graphdiff as gd
from graphdiff.diagnose.flops import Counter
from graphdiff.draw import Picture, draw, layout, palette
from graphdiff.draw.labels import Label
from graphdiff.draw.page.html import _part, page
from graphdiff.draw.page.statistics import Facts
from graphdiff.errors import DrawingError, LayoutToolMissingError


class Reader(HTMLParser):
    """Tags with their attributes, the text inside scripts and styles, and that everything is closed."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.inside:
            self.inside[self.open[-1]].append(data)


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise LayoutToolMissingError("no Graphviz layout engine was found")

    monkeypatch.setattr(layout, "_engine", missing)


def data_of(text: str) -> Any:
    packed = re.search(r'type="application/gzip\+base64">([^<]*)<', text)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


def view_of(text: str) -> Any:
    return data_of(text)["views"][0]


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    reader = Reader(page(draw(samples.neuron(), title="Neuron")))
    for tag, attributes in reader.tags:
        assert tag not in ("iframe", "object", "embed", "base", "img")
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "action"):
            assert attributes.get(name, "data:,") == "data:,"
    assert not re.search(r"@import|url\(", reader.inside["style"][0])


def test_the_policy_names_exactly_this_script_and_style() -> None:
    reader = Reader(page(draw(samples.neuron())))
    policy = next(a["content"] for tag, a in reader.tags if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules["script-src"] == hashed(reader.inside["script"][-1])
    assert rules["style-src"] == hashed("".join(reader.inside["style"]))
    assert "unsafe" not in policy


def test_names_are_text_whatever_they_hold() -> None:
    evil = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\ud800"
    with gd.scope(evil):
        x = gd.variable(2.0, name=evil)
        f = x * x
    text = page(draw(f.backward(), title=evil))
    reader = Reader(text)
    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert "img" not in [tag for tag, _ in reader.tags]
    assert "alert(1)" in view_of(text)["nodes"][0]["name"]


def test_the_numbers_are_the_records() -> None:
    back = samples.fan_out()
    data = view_of(page(draw(back)))
    x, y, product, total = data["nodes"]
    assert (x["name"], y["name"], product["op"], total["op"]) == ("x", "y", "multiply", "add")
    assert (x["value"]["text"], x["gradient"]["text"]) == ("3.00", "5.00")
    assert [edge["local"] for edge in product["edges"]] == ["4.00", "3.00"]
    assert product["edges"][0]["passed"]["text"] == "4.00"
    assert "passed" not in product["edges"][1]  # y has no other use
    assert total["inputs"] == [0, 2]
    assert product["formula"] == ["y", "x"]


def test_statistics_are_those_of_the_array() -> None:
    values = np.linspace(-2.0, 4.0, 31).reshape(1, 31)
    values[0, 3] = np.nan
    node = view_of(page(draw(gd.variable(values, name="x") * 2.0)))["nodes"][0]
    finite = values[np.isfinite(values)]
    assert node["value"]["norm"] == "NaN"
    assert node["value"]["bad"] == 1
    for name, found in (
        ("min", finite.min()),
        ("max", finite.max()),
        ("mean", finite.mean()),
        ("std", finite.std()),
    ):
        assert node["value"][name] == pytest.approx(found, rel=1e-3)


@given(arrays(np.float64, st.integers(17, 40), elements=st.floats(-1e300, 1e300, width=64)))
def test_spreads_are_numpys(values: np.ndarray[Any, Any]) -> None:
    x = gd.tensor(values)
    found = Facts([x]).of(x)
    assert found is not None
    scale = max(1e-300, np.abs(values).max())
    assert found["mean"] == pytest.approx(scale * np.mean(values / scale), rel=1e-3, abs=1e-12 * scale)
    assert found["std"] == pytest.approx(scale * np.std(values / scale), rel=1e-3, abs=1e-6 * scale)


def test_histograms_count_every_finite_element() -> None:
    values = np.concatenate([np.repeat(np.arange(8.0), 3), [np.inf]])
    node = view_of(page(draw(gd.variable(values, name="x") * 2.0)))["nodes"][0]
    assert sum(node["value"]["bins"]) == 24
    assert [n for n in node["value"]["bins"] if n] == [3] * 8
    wide = np.array([-1.0, 1.0] * 9) * np.finfo("float64").max
    assert view_of(page(draw(gd.variable(wide, name="x") * 1.0)))["nodes"][0]["value"]["bins"] == [
        9,
        *[0] * 14,
        9,
    ]


def test_operations_and_bytes_are_counted() -> None:
    x, w = gd.variable(np.ones((3, 4))), gd.variable(np.ones((4, 5)))
    product = view_of(page(draw(x @ w)))["nodes"][-1]
    assert product["flops"] == 2 * 3 * 4 * 5
    assert product["bytes"] == 3 * 5 * 8


def test_operations_are_counted_in_the_shapes_of_the_computation() -> None:
    """Of which the picture may leave axes of size 1 out."""
    graph = gd.make_graph(
        gd.value_and_grad(lambda x: gd.sum(gd.max_pool2d(x[None, None], 1, 1)[0, 0])), np.ones((3, 2))
    )
    counted = Counter().of_graph(graph)
    nodes = view_of(page(draw(graph)))["nodes"]
    found = {node["op"]: node.get("flops", 0) for node in nodes if "op" in node}
    expected = {node.primitive.name: counted[node.id] for node in graph if node.primitive}
    assert found == {name: expected[name] for name in found}
    assert {"max_pool2d", "sum"} <= found.keys()


def test_the_state_of_a_gradient_has_a_word() -> None:
    x = gd.variable([1.0] * 8, name="x")
    for scale, state in (
        (1.0, None),
        (1e-9, "vanishing"),
        (1e5, "exploding"),
        (0.0, "zero"),
        (np.nan, "NaN"),
    ):
        node = view_of(page(draw(gd.sum(x * scale).backward())))["nodes"][0]
        assert node.get("state") == state


def test_layers_label_their_boxes() -> None:
    class Gate(gd.Module):
        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return gd.sigmoid(x) * x

        def draw_label(self) -> Label:
            return Label(rows=["gated <&>"], color="#3B2E7E")

    net = gd.layers.Sequential(first=Gate(), last=gd.layers.Linear(4, 3))
    tree = view_of(
        page(draw(gd.sum(net(gd.variable(np.ones((2, 4), "float32")))).backward(), style="overview"))
    )["tree"]
    first, last, *_ = tree["children"]
    assert (first["name"], first["rows"], first["color"]) == ("first", ["gated <&>"], "#3B2E7E")
    assert "rows" not in last


def test_times_are_there_where_they_were_asked_for() -> None:
    nodes = view_of(page(draw(samples.lenet(), style="overview", show="forward", numbers="time")))["nodes"]
    assert all(node["seconds"] > 0 for node in nodes if node.get("op") == "conv2d")
    assert not any("seconds" in node for node in view_of(page(draw(samples.lenet())))["nodes"])


def test_what_is_hidden_stays_hidden() -> None:
    data = view_of(page(draw(samples.lenet(), style="overview", hide=["parameters"])))
    assert data["hidden"] == ["parameter"]
    assert view_of(page(draw(samples.lenet(), style="overview")))["hidden"] == []


def test_gradients_that_are_not_known_say_why() -> None:
    x, y = gd.variables(x=2.0, y=3.0)
    assert {node["known"] for node in view_of(page(draw(x * y)))["nodes"]} == {"not yet"}
    some = view_of(page(draw((x * y).backward(wrt=[x]))))["nodes"]
    assert [node["known"] for node in some] == ["known", "none", "known"]
    assert some[2]["edges"][1] is None


def test_the_same_graph_gives_the_same_page() -> None:
    assert page(draw(samples.neuron())) == page(draw(samples.neuron()))


def test_a_picture_of_another_kind_has_no_page() -> None:
    with pytest.raises(DrawingError, match="page"):
        page(Picture("digraph {}"))


@needs_engine
def test_pages_are_small_and_hold_the_picture() -> None:
    lenet = draw(samples.lenet(), title="LeNet-5")
    text = page(lenet)
    assert len(text.encode()) < 150_000
    reader = Reader(text)
    assert [tag for tag, _ in reader.tags].count("svg") == 1
    resnet = draw(samples.resnet152(), title="ResNet-152")
    assert len(page(resnet).encode()) < 600_000


@needs_engine
def test_circuits_with_composites_bring_them_taken_apart() -> None:
    x = gd.variable(2.0, name="x")
    whole, apart = data_of(page(draw(gd.sigmoid(x).backward())))["views"]
    assert [node.get("op") for node in whole["nodes"]] == [None, "sigmoid"]
    assert {"exp", "negative"} <= {node.get("op") for node in apart["nodes"]}
    assert apart["svg"].startswith("<svg")
    assert len(data_of(page(draw(gd.sigmoid(x).backward(), unfold=True)))["views"]) == 1


def test_without_a_layout_engine_the_page_draws_boxes_itself(no_engine: None) -> None:
    text = page(draw(samples.fan_out()))
    assert "no layout engine" in text
    view = view_of(text)
    assert view["kind"] == "module"
    assert view["leaves"] == [[[0], "x", ""], [[1], "y", ""]]


def test_every_colour_of_the_pictures_follows_the_theme() -> None:
    style = _part("page.css")
    names = [name for name in vars(palette) if name.isupper() and isinstance(getattr(palette, name), str)]
    own_text = {"NOT_FINITE", "MUCH", "PAPER"}  # grounds with text that suits them
    for name in set(names) - own_text - {"NEUTRAL"}:
        assert f'"{getattr(palette, name).lower()}"]' in style, name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_theme_is_readable(theme: str) -> None:
    """Text on each of its grounds; paper is light."""
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", _part("page.css"))
    colours = {name: light if theme == "light" else dark for name, light, dark in pairs}
    assert len(colours) == _part("page.css").count("light-dark(")
    grounds = {
        "paper": ("ink", "title", "quiet", "value", "gradient"),
        "panel": ("ink", "title", "quiet", "value", "gradient"),
        "frame": ("frame-title", "value", "quiet"),
        "operator": ("ink",),
        "backward": ("title", "quiet", "ink"),
        **dict.fromkeys(("box", "input", "result", "empty"), ("title", "quiet")),
        "current": ("title", "quiet"),
        "accent": ("on-accent",),
    }
    for ground, texts in grounds.items():
        for text in texts:
            assert palette.contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
