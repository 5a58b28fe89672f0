"""Films: one layout for all frames, a page with a slider, an animation."""

from __future__ import annotations

import html
import json
import re
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from draw.reading import needs_engine, wires
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw_steps, layout
from graphdiff.draw.film.alignment import aligned
from graphdiff.draw.film.page import differences, tokens
from graphdiff.errors import ArgumentError, DrawingError, LayoutToolMissingError


def descent(steps: int, rate: float = 0.05) -> Iterator[gd.Backward]:
    """(x·y − 2)² on the way down; the numbers become very small."""
    at = [1.0, 5.0]
    for _ in range(steps):
        x, y = gd.variables(x=at[0], y=at[1])
        back = gd.square(x * y - 2.0).backward()
        yield back
        at = [at[0] - rate * back[x].item(), at[1] - rate * back[y].item()]


def training(steps: int, rate: float) -> Iterator[tuple[int, gd.Backward]]:
    net = gd.models.mlp(4, 3, hidden=[5])
    draws = np.random.default_rng(0)
    inputs, labels = draws.standard_normal((6, 4)).astype("float32"), draws.integers(0, 3, 6)
    for step in range(steps):
        back = gd.losses.softmax_cross_entropy(net(inputs), labels).backward()
        yield step * 10, back
        for p in net.parameters():
            p.assign(p.numpy() - rate * back[p].numpy())


def geometry(svg: str) -> list[str]:
    """Where everything is, but for texts, which are centred in their cells."""
    shapes = re.sub(r"<(text|title)\b.*?</\1>", "", svg, flags=re.DOTALL)
    return re.findall(r' (?:x|y|points|d|cx|cy|rx|ry|width|height|viewBox)="[^"]*"', shapes)


@needs_engine
@pytest.mark.parametrize("style", ["circuit", "tensor"])
def test_a_circuit_has_one_layout_whatever_its_numbers(style: str) -> None:
    frames = draw_steps(descent(8), style=style).frames
    assert len({frame.dot for frame in frames}) == 8
    first, *others = [geometry(frame.svg) for frame in frames]
    assert len(first) > 20
    assert all(other == first for other in others)


@needs_engine
def test_a_network_has_one_layout_though_its_gradients_explode() -> None:
    with np.errstate(all="ignore"):
        frames = draw_steps(training(6, rate=1e4), style="tensor").frames
    first, *others = [geometry(frame.svg) for frame in frames]
    assert all(other == first for other in others)
    assert len({frame.dot for frame in frames}) > 3


def spoilt() -> Iterator[gd.Backward]:
    """A network whose gradient is fine, zero, and whose values are bad in one place or the other."""
    x = gd.tensor(np.linspace(-1, 1, 12).reshape(3, 4), name="x")
    for first, last in ((1.0, 1.0), (0.0, 1.0), (np.nan, 1.0), (1.0, np.inf)):
        with gd.scope("one"):
            hidden = gd.tanh(x @ gd.Parameter(np.full((4, 5), first), "float64", name="one.w"))
        with gd.scope("two"):
            yield gd.mean(hidden @ gd.Parameter(np.full((5, 2), last), "float64", name="two.w")).backward()


@needs_engine
def test_bad_numbers_are_marked_where_they_begin_and_move_nothing() -> None:
    frames = draw_steps(spoilt(), style="tensor").frames
    marks = [re.findall(r"begins here", frame.dot) for frame in frames]
    assert [len(found) for found in marks] == [0, 0, 1, 1]
    first, *others = [geometry(frame.svg) for frame in frames]
    assert all(other == first for other in others)
    for frame in frames:
        legend = next(line for line in frame.dot.splitlines() if line.startswith("\tlegend "))
        assert "NaN / ∞" in legend
        assert ">zero<" in legend


@needs_engine
def test_a_circuit_that_goes_bad_moves_nothing() -> None:
    def steps() -> Iterator[gd.Backward]:
        for value in (1.0, 0.0, np.nan):
            x, y = gd.variables(x=value, y=2.0)
            yield (gd.log(x) * y + x).backward()

    frames = draw_steps(steps(), style="circuit").frames
    assert ["first bad: " in frame.dot for frame in frames] == [False, True, True]
    # A thick border ends arrows earlier; circles and the picture's size are what is compared.
    first, *others = [[x for x in geometry(frame.svg) if x.startswith((" c", " vi"))] for frame in frames]
    assert len(first) > 8
    assert all(other == first for other in others)


def test_numbers_are_those_of_each_step() -> None:
    records = list(descent(3))
    frames = draw_steps(records).frames
    for record, frame in zip(records, frames, strict=True):
        assert wires(frame.dot) == wires(gd.draw(record).dot)


def test_a_step_may_be_forgotten_before_the_next_is_made() -> None:
    seen: list[weakref.ref[gd.Backward]] = []

    def steps() -> Iterator[gd.Backward]:
        for record in descent(4):
            assert all(before() is None for before in seen[:-1])
            seen.append(weakref.ref(record))
            yield record

    assert len(draw_steps(steps()).frames) == 4


def test_frames_are_named_by_step_or_as_they_are_called() -> None:
    records = list(descent(2))
    assert draw_steps(records).names == ["step 0", "step 1"]
    assert draw_steps(training(2, 0.1)).names == ["step 0", "step 10"]
    assert draw_steps([("before", records[0]), ("after", records[1])]).names == ["before", "after"]


@needs_engine
@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_an_animation_has_every_frame(suffix: str, tmp_path: Path) -> None:
    from PIL import Image

    with Image.open(draw_steps(descent(4)).save(tmp_path / f"f.{suffix}", seconds=0.3)) as film:
        assert (film.n_frames, film.info["loop"]) == (4, 0)
        shown = []
        for n in range(4):
            film.seek(n)
            assert film.info["duration"] == 300
            shown.append(film.convert("RGB").tobytes())
    assert len(set(shown)) == 4


@needs_engine
def test_a_page_holds_all_frames_and_shows_the_first_without_javascript(tmp_path: Path) -> None:
    name = 'a "title" </script><script>alert(1)</script>'
    steps = draw_steps(descent(5), title=name)
    page = steps.save(tmp_path / "film.html", seconds=0.25).read_text("utf-8")
    head, _, rest = page.partition('<script id="film" type="application/json">')
    film = json.loads(rest.partition("</script>")[0])
    assert (film["names"], film["seconds"]) == (steps.names, 0.25)
    assert page.count("<script") == page.count("</script>") == 2
    assert film["first"] in head
    assert "−4.00" not in film["first"]
    pieces = tokens(film["first"])
    for frame, change in zip(steps.frames, film["frames"], strict=True):
        whole = "".join(change.get(str(n), piece) for n, piece in enumerate(pieces))
        texts = re.findall(r"<text.*?>(.*?)</text>", frame.svg)
        assert re.findall(r"<text.*?>(.*?)</text>", whole) == texts
    assert len(json.dumps(film["frames"])) < 0.6 * sum(len(frame.svg) for frame in steps.frames)
    assert html.escape(name, quote=False).replace('"', "&#34;") in head
    assert not re.search(r'(?:src|href)="(?!data:)[^#]', re.sub(r"xlink:href", "", head))


@given(st.lists(st.text(alphabet='<>"ab /=', max_size=30), min_size=1, max_size=4))
def test_what_differs_gives_every_text_back(texts: list[str]) -> None:
    pieces = tokens(texts[0])
    for text, change in zip(texts, differences(texts), strict=True):
        whole = change if isinstance(change, str) else "".join(change.get(n, p) for n, p in enumerate(pieces))
        assert whole == text


def test_frames_of_different_graphs_are_kept_as_they_are() -> None:
    x = gd.variable(2.0)
    dots = [gd.draw(x * x).dot, gd.draw(x * x + x).dot]
    assert aligned(dots) == dots
    assert aligned(dots[:1] * 2) == dots[:1] * 2


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no steps"):
        draw_steps([])
    with pytest.raises(ArgumentError, match="cannot be drawn"):
        draw_steps([3])
    with pytest.raises(DrawingError, match=r"\.html, \.gif, \.png"):
        draw_steps(descent(1)).save(tmp_path / "film.mp4")
    assert not list(tmp_path.iterdir())


def test_a_notebook_without_a_layout_engine_falls_back_to_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise LayoutToolMissingError("no Graphviz layout engine was found")

    monkeypatch.setattr(layout, "_engine", missing)
    assert draw_steps(descent(2))._repr_html_() is None
