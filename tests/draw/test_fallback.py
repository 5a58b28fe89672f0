"""A layout that takes too long: a coarser picture in its place that says what it hides."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from draw.reading import needs_engine
from draw.slow_engine import plant

import graphdiff as gd
from graphdiff.draw import Picture, draw, layout
from graphdiff.draw.modules import Overview
from graphdiff.errors import LayoutTimeoutError

pytestmark = [
    needs_engine,
    pytest.mark.skipif(sys.platform == "win32", reason="the slow engine is a shell script"),
]
LIMIT = 1.0


def chain(length: int) -> gd.Graph:
    """Operations that no scope holds together."""

    def fn(x: gd.Tensor) -> gd.Tensor:
        for _ in range(length):
            x = gd.tanh(x)
        return x

    return gd.make_graph(fn, gd.TensorSpec((3,), "float32"))


def hidden(svg: str) -> int:
    return int(re.search(r"([\d,]+) box(?:es)? hidden: layout took longer than 1 s", svg)[1].replace(",", ""))


@pytest.mark.parametrize("style", ["circuit", "tensor"])
def test_fewer_boxes_take_the_place_of_what_cannot_be_laid_out(
    style: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = draw(chain(100), style=style, boxes=100)
    beat = plant(monkeypatch, tmp_path, most=8_000)
    assert len(picture.dot) > 8_000
    svg = picture.save(tmp_path / "x.svg", timeout=LIMIT).read_text("utf-8")
    shown = svg.count('class="node"')
    assert shown < 30
    assert hidden(svg) == picture.boxes - shown
    beats = beat.stat().st_size
    time.sleep(0.2)
    assert beat.stat().st_size == beats  # what hung is gone


def test_boxes_are_counted_from_what_was_asked_for_however_often_it_is_folded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = draw(chain(100), style="tensor", boxes=100)
    beat = plant(monkeypatch, tmp_path, most=2_500)  # a quarter of the boxes is still too much
    svg = picture.save(tmp_path / "x.svg", timeout=LIMIT).read_text("utf-8")
    assert beat.exists()
    assert hidden(svg) == picture.boxes - svg.count('class="node"')


def test_other_formats_do_not_wait_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = draw(chain(100), style="tensor", boxes=100)
    beat = plant(monkeypatch, tmp_path, most=8_000)
    picture.save(tmp_path / "x.svg", timeout=LIMIT)
    beat.unlink()
    assert picture.save(tmp_path / "x.png", timeout=LIMIT).read_bytes().startswith(b"\x89PNG")
    assert "hidden" in picture.svg
    assert not beat.exists()
    assert "hidden" not in picture.dot


def test_a_page_is_of_what_was_laid_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = draw(chain(100), style="circuit")
    plant(monkeypatch, tmp_path, most=8_000)
    text = picture.save(tmp_path / "x.html", timeout=LIMIT).read_text("utf-8")
    assert "boxes hidden: layout took longer than 1 s" in text
    assert isinstance(picture.instead.view, Overview)


def test_an_engine_that_hangs_on_everything_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    x = gd.variable(2.0)
    picture = draw(x * x + x)
    plant(monkeypatch, tmp_path, most=0)
    with pytest.raises(LayoutTimeoutError, match=r"limit of 0\.5 s"):
        picture.save(tmp_path / "x.svg", timeout=0.5)
    assert not (tmp_path / "x.svg").exists()


def test_a_picture_that_cannot_be_folded_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plant(monkeypatch, tmp_path, most=0)
    with pytest.raises(LayoutTimeoutError):
        Picture("digraph { a }").laid_out("svg", timeout=0.5)


def test_a_large_graph_is_folded_before_it_is_laid_out(tmp_path: Path) -> None:
    picture = draw(chain(3000))
    assert picture.boxes <= 62
    assert layout.render(picture.dot, "svg").count(b'class="node"') <= 62
