"""Names that would be code in DOT, HTML, Mermaid or a shell stay names."""

import io
import json
import re
import warnings
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pygraphviz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import words
from graphdiff.train.history import Epoch, History, Metrics

HOSTILE = [
    '"<script>',
    "</script><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<!--<script>",
    '"]; evil [label="x',
    "`touch owned`",
    "$(touch owned)",
    "'; touch owned; '",
    "a\\",
    "<b>bold</b>",
    "&lt;&amp;&#x3C;",
    "%% click A callback",
    'x"]:::evil; click x "javascript:alert(1)"',
    "\\N\\G\\E",
    "]]>",
    "\x00\x1b[2J",
    "\u202egnp.exe",
    "\ud800",
    "line\nbreak",
    "{{ 7 * 7 }}{% raw %}",
    r"$\frac{$ \input{owned}",
]
anything = st.characters(exclude_categories=())  # half characters too
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(anything, max_size=30),
    st.text(anything, min_size=1, max_size=10).map(lambda text: text * 300),
    st.lists(st.sampled_from(list("<>&\"'`\\/;:{}[]()|%$#\n\t -=")), max_size=12).map("".join),
)


def _drawn(name, **options):
    x = gd.variable([1.0, 2.0], name=name)
    with gd.scope(name.replace(".", "") or "s"):  # dots part scopes
        y = gd.tanh(x) * 2
    return gd.draw(gd.sum(y), title=name, **options)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, tuple(name for name, _ in attributes)))


def _tags(page):
    reader = _Tags()
    reader.feed(page)
    return reader.found


@pytest.mark.parametrize("style", ["circuit", "tensor", "overview"])
@given(name=names)
def test_the_texts_are_what_they_are_with_a_plain_name(style, name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    hostile, plain = _drawn(name, style=style), _drawn("plain", style=style)
    text = hostile.save(folder / "x.json").read_text(encoding="utf-8")
    assert json.loads(text).keys() == json.loads(plain.save(folder / "p.json").read_text()).keys()
    mermaid = hostile.save(folder / "x.mmd").read_text(encoding="utf-8")
    lines = [line.strip() for line in mermaid.splitlines()]
    assert not [line for line in lines if line.startswith(("click", "%%{"))]
    expected = plain.save(folder / "p.mmd").read_text().splitlines()
    chart = "flowchart LR" if "flowchart LR" in expected else "flowchart TB"
    # An empty title takes no lines; with or without one, the chart and all below it are the same.
    assert len(lines) - lines.index(chart) == len(expected) - expected.index(chart)
    assert lines.index(chart) in (0, expected.index(chart))


ELEMENTS = set(
    "svg g title text path polygon polyline ellipse a defs linearGradient stop rect line circle style tspan "
    "clipPath metadata".split()
)
STYLES = ["circuit", "tensor", "overview"]


def check_picture(name, style, folder):
    """DOT, SVG and page of a picture with this name have the nodes and elements that a plain one has."""
    hostile, plain = _drawn(name, style=style), _drawn("plain", style=style)
    sizes = [
        (len(graph.nodes()), len(graph.edges()), len(graph.subgraphs()))
        for graph in (pygraphviz.AGraph(string=picture.dot) for picture in (hostile, plain))
    ]
    assert sizes[0] == sizes[1]
    tree = ElementTree.fromstring(hostile.svg)
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= ELEMENTS
    attributes = {key.rpartition("}")[2].lower() for element in tree.iter() for key in element.attrib}
    assert not [key for key in attributes if key.startswith("on")]
    shown, wanted = _letters("".join(tree.itertext())), _letters(words.clean(name))[:8]
    assert wanted in shown
    found, expected = (
        _tags(picture.save(folder / "page.html").read_text(encoding="utf-8")) for picture in (hostile, plain)
    )
    assert set(found) <= set(expected)
    for tag in ("script", "b", "img", "iframe", "object", "link", "style", "title"):
        assert [t for t in found if t[0] == tag] == [t for t in expected if t[0] == tag], tag
    assert sorted(path.name for path in folder.iterdir()) == ["page.html"]


def _letters(text):
    """What can be compared: subscripts and spaces are set in other ways."""
    return re.sub(r"[\W\d_₀-₉]", "", text)


@pytest.fixture
def emptied(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("style", STYLES)
@given(name=names)
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
def test_pictures_and_pages_hold_no_element_more(style, name, emptied):
    check_picture(name, style, emptied)


@pytest.mark.campaign
@pytest.mark.parametrize("style", STYLES)
@given(name=names)
@settings(max_examples=500, derandomize=False, suppress_health_check=list(HealthCheck))
def test_the_campaign_of_names(style, name, emptied):
    check_picture(name, style, emptied)


file_names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30
)


@given(
    name=st.one_of(file_names, st.sampled_from([n for n in HOSTILE if not {"/", "\0", "\ud800"} & set(n)]))
)
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
def test_a_file_has_the_name_that_was_given(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    path = _drawn("plain").save(folder / f"{name}.svg")
    assert path.name == f"{name}.svg"
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    ElementTree.fromstring(path.read_text(encoding="utf-8"))


def test_curves_have_the_names_that_were_given():
    """A metric is no formula for matplotlib to set."""
    pytest.importorskip("matplotlib")
    means = Metrics({"loss": 1.0} | dict.fromkeys([r"$\frac{$ \input{owned}", "\ud800", "\0<b>\n"], 0.5))
    history = History([1.0], [1.0], [0.1], [Epoch(1, means, means, 0.1, 1.0)])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Glyph.*missing")
        history.plot().savefig(io.BytesIO(), format="png", dpi=30)


def test_a_layer_called_script_draws(tmp_path):
    model = gd.layers.Sequential(**{'"<script>': gd.layers.Linear(2, 2), "b": gd.layers.Linear(2, 1)})
    graph = gd.make_graph(model, np.ones((1, 2), "float32"))
    page = gd.draw(graph, style="tensor").save(tmp_path / "x.html").read_text(encoding="utf-8")
    assert '"<script>' not in page.replace('="<script>', "")
    tree = ElementTree.fromstring(gd.draw(graph, style="tensor").svg)
    assert '"<script>' in "".join(tree.itertext())
