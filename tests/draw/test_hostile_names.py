"""Names that would be code in DOT, HTML, Mermaid or a shell stay names."""

import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd

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
]
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=30),
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


@pytest.mark.parametrize("style", ["circuit", "tensor", "overview"])
@pytest.mark.parametrize("name", HOSTILE)
def test_pictures_and_pages_hold_no_element_more(style, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile, plain = _drawn(name, style=style), _drawn("plain", style=style)
    tree = ElementTree.fromstring(hostile.svg)
    kinds = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert kinds <= {"svg", "g", "title", "text", "path", "polygon", "polyline", "ellipse", "a",
                     "defs", "linearGradient", "stop", "rect", "line", "circle", "style", "tspan",
                     "clipPath", "metadata"}  # fmt: skip
    attributes = {key for element in tree.iter() for key in element.attrib}
    assert not [key for key in attributes if key.rpartition("}")[2].lower().startswith("on")]
    page = hostile.save(tmp_path / "x.html").read_text(encoding="utf-8")
    expected = _tags(plain.save(tmp_path / "p.html").read_text(encoding="utf-8"))
    found = _tags(page)
    for tag in ("script", "b", "img", "iframe", "object", "link", "style", "title"):
        assert [t for t in found if t[0] == tag] == [t for t in expected if t[0] == tag], tag
    assert not (tmp_path / "owned").exists()


def test_a_layer_called_script_draws(tmp_path):
    model = gd.layers.Sequential(**{'"<script>': gd.layers.Linear(2, 2), "b": gd.layers.Linear(2, 1)})
    graph = gd.make_graph(model, np.ones((1, 2), "float32"))
    page = gd.draw(graph, style="tensor").save(tmp_path / "x.html").read_text(encoding="utf-8")
    assert '"<script>' not in page.replace('="<script>', "")
    tree = ElementTree.fromstring(gd.draw(graph, style="tensor").svg)
    assert '"<script>' in "".join(tree.itertext())
