"""A picture as a file and in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from draw.reading import needs_engine

import graphdiff as gd
from graphdiff.draw import Picture, draw, layout
from graphdiff.errors import DrawingError, LayoutToolMissingError

MAGIC = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF-", ".dot": b"digraph"}


@pytest.fixture
def picture() -> Picture:
    x, y = gd.variables(x=3.0, y=4.0)
    return draw(x * y)


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise LayoutToolMissingError("no Graphviz layout engine was found")

    monkeypatch.setattr(layout, "_engine", missing)


@needs_engine
@pytest.mark.parametrize("suffix", MAGIC)
def test_the_suffix_says_what_is_written(picture: Picture, tmp_path: Path, suffix: str) -> None:
    path = picture.save(tmp_path / f"picture{suffix}")
    assert path.read_bytes().startswith(MAGIC[suffix])
    assert picture.save(str(tmp_path / f"LOUD{suffix.upper()}")).read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"LOUD{suffix.upper()}", f"picture{suffix}"]


@pytest.mark.parametrize("name", ["picture", "picture.jpeg", ".svg", "svg"])
def test_another_suffix_is_refused_with_those_that_are_known(
    picture: Picture, tmp_path: Path, name: str
) -> None:
    with pytest.raises(DrawingError, match=r"\.dot, .*\.pdf, \.png, \.svg"):
        picture.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(picture: Picture, tmp_path: Path) -> None:
    with pytest.raises(DrawingError, match="nowhere"):
        picture.save(tmp_path / "nowhere" / "picture.dot")


def test_a_place_that_is_a_folder_is_left_alone(picture: Picture, tmp_path: Path) -> None:
    (tmp_path / "picture.dot").mkdir()
    with pytest.raises(DrawingError, match=r"picture\.dot"):
        picture.save(tmp_path / "picture.dot")
    assert [p.name for p in tmp_path.iterdir()] == ["picture.dot"]


def test_a_failure_while_writing_leaves_the_old_file(
    picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.dot"
    path.write_text("old")

    def full(self: Path, content: bytes) -> None:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DrawingError, match="No space left"):
        picture.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_layout_leaves_the_old_file(no_engine: None, picture: Picture, tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    path.write_text("old")
    with pytest.raises(LayoutToolMissingError):
        picture.save(path)
    assert path.read_text() == "old"


def test_without_an_engine_there_is_still_dot(no_engine: None, picture: Picture, tmp_path: Path) -> None:
    assert picture.save(tmp_path / "picture.dot").read_text(encoding="utf-8") == picture.dot
    assert picture._repr_mimebundle_() == {"text/plain": picture.dot}
    with pytest.raises(LayoutToolMissingError):
        _ = picture.svg


@needs_engine
def test_a_notebook_gets_svg_that_scrolls_and_a_line_of_text(picture: Picture) -> None:
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["image/svg+xml"].startswith("<svg ")
    assert bundle["text/plain"] == repr(picture)
    assert "\n" not in repr(picture)
    width = float(re.search(r'width="([\d.]+)pt"', picture.svg)[1])
    style = f"width:100%;max-width:{width:g}pt;min-width:{width * 2 / 3:.0f}pt;height:auto"
    assert bundle["text/html"].startswith('<div style="max-width:100%;overflow-x:auto')
    assert f'<svg style="{style}"' in bundle["text/html"]
    assert bundle["text/html"].count("<svg") == bundle["text/html"].count("</svg></div>") == 1


@needs_engine
def test_nothing_is_laid_out_twice(picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats = []
    render = layout.render

    def counted(dot: str, format: str, **options: object) -> bytes:
        formats.append(format)
        return render(dot, format, **options)

    monkeypatch.setattr(layout, "render", counted)
    assert picture.svg == picture.svg
    picture.save(tmp_path / "a.svg")
    picture._repr_mimebundle_()
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.png")
    assert formats == ["svg", "png"]
