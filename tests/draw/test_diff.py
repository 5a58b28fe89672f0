"""Differences: what was added, removed and changed is marked by text, the rest is left as it was."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from draw.reading import heading, labels, needs_engine

import graphdiff as gd
from graphdiff.draw import Picture, draw, draw_diff, layout
from graphdiff.draw.comparison import _ratio
from graphdiff.draw.json_format import json_text
from graphdiff.draw.modules import Norm
from graphdiff.errors import ArgumentError, LayoutToolMissingError

L = gd.layers
SPEC = gd.TensorSpec((2, 4), "float32")


def graph(**layers: gd.Module) -> gd.Graph:
    net = L.Sequential(**layers)
    return gd.make_graph(lambda x: net(x), SPEC)


def rows(picture: Picture) -> dict[str, list[str]]:
    """What was added to every box, by its title."""
    return {box.title: list(box.rows) for box in picture.view.boxes if box.rows}


def base() -> gd.Graph:
    return graph(one=L.Linear(4, 8), act=L.ReLU(), two=L.Linear(8, 3))


def test_a_layer_more_is_marked_and_its_arrows_too() -> None:
    more = graph(one=L.Linear(4, 8), norm=L.LayerNorm(8), act=L.ReLU(), two=L.Linear(8, 3))
    picture = draw_diff(base(), more, style="tensor", title="one more")
    assert rows(picture) == {"norm": ["+ added"]}
    assert "1 box added" in heading(picture.dot)
    ends = {(link.tail, link.head): link.text for link in picture.view.links}
    ids = {box.title: box.id for box in picture.view.boxes}
    assert ends[ids["one"], ids["norm"]] == ends[ids["norm"], ids["act"]] == "+ 2×8"
    assert ends[ids["one"], ids["act"]] == "− 2×8"
    assert ends[ids["act"], ids["two"]] == "2×8"


def test_a_layer_less_is_the_reverse() -> None:
    more = graph(one=L.Linear(4, 8), norm=L.LayerNorm(8), act=L.ReLU(), two=L.Linear(8, 3))
    picture = draw_diff(more, base(), style="tensor")
    assert rows(picture) == {"norm": ["− removed"]}
    titles = [box.title for box in picture.view.boxes]
    assert titles.index("one") < titles.index("norm") < titles.index("act")


def test_another_operation_width_or_dtype_is_a_change() -> None:
    other = graph(one=L.Linear(4, 16), act=L.Tanh(), two=L.Linear(16, 3))
    picture = draw_diff(base(), other, style="tensor")
    assert rows(picture) == {
        "one": ["~ 40 → 80 params", "~ 2×8 → 2×16"],
        "act": ["~ was relu", "~ 2×8 → 2×16"],
        "two": ["~ 27 → 51 params"],
    }
    assert "3 boxes changed" in heading(picture.dot)
    assert all("~" in text for text in labels(picture.dot).values() if text.startswith(("one", "act", "two")))


def test_the_same_twice_has_no_difference_and_reads_as_one() -> None:
    picture = draw_diff(base(), base(), style="tensor")
    assert rows(picture) == {}
    assert "no box added, removed or changed" in heading(picture.dot)
    alone = draw(base(), style="tensor")
    assert [box.title for box in picture.view.boxes] == [box.title for box in alone.view.boxes]
    assert [link.text for link in picture.view.links] == [link.text for link in alone.view.links]


def test_a_longer_row_of_blocks_is_one_change() -> None:
    def deep(blocks: int) -> gd.Graph:
        block = {f"b{n}": L.Sequential(lin=L.Linear(4, 4), norm=L.LayerNorm(4)) for n in range(blocks)}
        return graph(body=L.Sequential(**block), head=L.Linear(4, 3))

    picture = draw_diff(deep(8), deep(20), style="overview", boxes=6)
    (changed,) = rows(picture).values()
    assert "~ × 8 → × 20" in changed


def test_two_runs_show_ratios_of_norms() -> None:
    net = L.Sequential(one=L.Linear(4, 8), two=L.Linear(8, 3))
    x = np.ones((2, 4), "float32")
    before = gd.sum(net(x)).backward()
    net.two.weight.assign(net.two.weight.numpy() * 10)
    net.two.bias.assign(net.two.bias.numpy() * 10)
    found = rows(draw_diff(before, gd.sum(net(x)).backward(), style="tensor"))
    assert len(found["one"]) == 1
    assert re.fullmatch(r"~ ‖∇W‖ \S+ → \S+ \(× 10\)", found["one"][0])
    assert any(re.fullmatch(r"~ ‖out‖ \S+ → \S+ \(× 10\)", row) for row in found["two"])
    assert not any("‖∇W‖" in row for row in found["two"])


@pytest.mark.parametrize(
    ("old", "new", "row", "factor"),
    [
        (2.0, 2.0, "", 1.0),
        (2.0, 2.01, "", 1.0),
        (2.0, 3.0, "n 2 → 3 (× 1.5)", 1.5),
        (3.0, 0.3, "n 3 → 0.3 (× 0.1)", 10.0),
        (0.0, 1.0, "n 0 → 1", np.inf),
        (1.0, np.nan, "n 1 → NaN", np.inf),
        (np.nan, np.nan, "", 1.0),
        (np.inf, 1.0, "n ∞ → 1", np.inf),
    ],
)
def test_ratios(old: float, new: float, row: str, factor: float) -> None:
    text, ratio = _ratio("n", Norm("known", old), Norm("known", new))
    assert (text, ratio) == (row, pytest.approx(factor))


def test_a_norm_that_is_not_known_is_not_compared() -> None:
    assert _ratio("n", Norm("not yet"), Norm("known", 1.0)) == ("", 1.0)
    assert _ratio("n", None, Norm("known", 1.0)) == ("", 1.0)


def test_scalar_graphs_are_compared_as_boxes() -> None:
    x, y = gd.variables(x=2.0, y=3.0)
    picture = draw_diff(x * y, x * y + x)
    assert [row for row in rows(picture).values() if row == ["+ added"]]
    with pytest.raises(ArgumentError, match="no boxes to compare"):
        draw_diff(x * y, x * y + x, style="circuit")


@needs_engine
def test_it_is_laid_out_and_saved_as_mermaid(tmp_path) -> None:
    picture = draw_diff(base(), graph(one=L.Linear(4, 8), two=L.Linear(8, 3)), style="tensor")
    assert "− removed" in picture.svg
    assert "− removed" in picture.save(tmp_path / "x.mmd").read_text("utf-8")
    coarser = picture.coarser("of a test")
    assert "hidden: of a test" in heading(coarser.dot)


def test_json_has_the_boxes_of_both_and_the_nodes_of_the_second() -> None:
    after = graph(one=L.Linear(4, 16), act=L.ReLU())
    found = json.loads(json_text(draw_diff(base(), after, style="tensor")))
    changes = {box["title"]: box["change"] for box in found["boxes"]}
    assert changes == {"x": "", "one": "changed", "act": "changed", "two": "removed", "output": "changed"}
    assert gd.Graph.from_json(json.dumps(found)).outputs
    members = {
        box["title"]: [found["nodes"][i]["primitive"] for i in box["members"]] for box in found["boxes"]
    }
    assert members["act"] == ["relu"]
    assert members["two"] == []


def test_a_page_of_two_graphs_needs_a_layout_engine(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(layout, "render", refused)
    with pytest.raises(LayoutToolMissingError):
        draw_diff(base(), base(), style="tensor").save(tmp_path / "x.html")


def refused(*_: object, **__: object) -> bytes:
    raise LayoutToolMissingError("none", fix="install one")


def test_both_passes_are_compared_each_in_its_panel() -> None:
    x = np.ones((2, 4), "float32")
    short = L.Sequential(one=L.Linear(4, 8), two=L.Linear(8, 3))
    long = L.Sequential(one=L.Linear(4, 8), mid=L.Linear(8, 8), two=L.Linear(8, 3))
    records = [gd.sum(net(x)).backward() for net in (short, long)]
    found = rows(draw_diff(*records, show="both", style="tensor"))
    assert found["mid"] == found["∂ mid"] == ["+ added"]
    found = rows(draw_diff(*reversed(records), show="both", style="tensor"))
    assert found["mid"] == found["∂ mid"] == ["− removed"]
