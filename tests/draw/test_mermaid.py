"""Mermaid flowcharts: every box and every edge, in text that nothing can break out of."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import Picture, draw
from graphdiff.errors import DrawingError

LABEL = re.compile(r'"((?:[^"\n])*)"')


def mermaid(picture: Picture) -> str:
    return gd.renderers[".mmd"](picture)


def read(label: str) -> str:
    """What Mermaid shows of a label."""
    return html.unescape(re.sub(r"#(\d+);", r"&#\1;", label.replace("<br/>", "\n")))


def test_a_circuit_has_every_operator_and_wire(tmp_path: Path) -> None:
    x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
    f = (x + y) * z
    path = draw(f, gradients=f.backward(), title="lecture").save(tmp_path / "f.mmd")
    head, *lines = path.read_text("utf-8").split("---\n", 2)[2].splitlines()
    assert head == "flowchart LR"
    assert '  n0["x"]:::input' in lines
    assert '  n3(("+")):::plain' in lines
    edges = [line.strip() for line in lines if "-->" in line]
    assert edges == [
        'n0 -->|"−2.00<br/>∇ −4.00"| n3',
        'n1 -->|"5.00<br/>∇ −4.00"| n3',
        'n2 -->|"−4.00<br/>∇ 3.00"| n4',
        'n3 -->|"3.00<br/>∇ −4.00"| n4',
        'n4 -->|"−12.00<br/>∇ 1.00"| out0',
    ]
    assert path.read_text("utf-8").startswith('---\ntitle: "lecture"\n')


def test_a_network_has_every_box_inside_its_scope() -> None:
    with gd.scope("outer"), gd.scope("inner"):
        x = gd.variable([1.0] * 8, name="x")
        y = gd.tanh(x)
    with gd.scope("outer"):
        z = gd.exp(y)
    picture = draw(gd.sum(z), style="tensor")
    text = mermaid(picture)
    assert text.count("subgraph s") == text.count("  end\n") == text.count("style s") == 1
    assert {box.id for box in picture.view.boxes} == set(re.findall(r"^\s*(\w+)\[.*:::", text, re.M))
    links = [(link.tail, link.head) for link in picture.view.links]
    assert re.findall(r"^\s*(\w+) -->.*? ?(\w+)$", text, re.M) == links
    start, end = text.index('["outer"]'), text.index("  end")
    assert start < text.index('"inner<br/>') < end


@given(st.text())
def test_no_name_breaks_out_of_its_label(name: str) -> None:
    x = gd.variable(2.0, name=name)
    text = mermaid(draw(x * x, title=name))
    leaf = next(line for line in text.splitlines() if line.startswith("  n0"))
    assert re.fullmatch(r'  n0\["[\w .,…#;−+×÷=·•‖∇∂∞√²³⁻¹ΣΠ-]*"\]:::input', leaf)
    assert len(text.partition("flowchart")[2].splitlines()) == 15


def test_what_mermaid_would_refuse_is_folded() -> None:
    def fn(x: gd.Tensor) -> gd.Tensor:
        for _ in range(800):
            x = gd.tanh(x)
        return x

    picture = draw(gd.make_graph(fn, gd.TensorSpec((3,), "float32")), style="circuit")
    text = mermaid(picture)
    assert text.count("-->") <= 500
    assert len(text) <= 50_000
    assert re.search(r"7\d\d boxes hidden: Mermaid draws at most 500 edges", text)


def test_a_view_of_another_style_is_refused() -> None:
    with pytest.raises(DrawingError, match="knows no Mermaid"):
        mermaid(Picture("digraph { a }"))


def test_a_picture_of_both_passes_has_a_frame_for_each(tmp_path: Path) -> None:
    x, w = gd.variable([1.0] * 5, name="x"), gd.variable([2.0] * 5, name="w")
    picture = draw(gd.sum(gd.tanh(x * w)).backward(), show="both", style="tensor")
    text = mermaid(picture)
    frames = re.split(r"subgraph s\d+", text)[1:]
    assert [frame.partition("\n")[0] for frame in frames] == ['["forward"]', '["backward"]']
    stage = {box.id: box.stage for box in picture.view.boxes}
    for frame, name in zip(frames, ("forward", "backward"), strict=True):
        inside = re.findall(r"^    (\w+)\[", frame.partition("  end\n")[0], re.M)
        assert inside
        assert {stage[id] for id in inside} == {name}
