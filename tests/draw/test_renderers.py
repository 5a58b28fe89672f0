"""Output formats and styles from plugins: installed packages, scripts, and those that are broken."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from draw.reading import needs_engine

import graphdiff as gd
from graphdiff.draw import Picture, draw, layout, renderers
from graphdiff.errors import ArgumentError, DrawingError, PluginError
from graphdiff.plugins import prefer, refresh

PLUGIN = """
from graphdiff.draw import Picture

def listing(picture, **options):
    return "\\n".join(node.node.label for node in picture.subject.items)

def count(subject, options):
    return Picture(f'digraph {{ n [label="{options.title}: {len(subject.items)}"] }}')

def broken(*arguments, **options):
    raise ZeroDivisionError("by the plugin")

def own_dot(picture, **options):
    return "digraph { own }"
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution ``colours`` whose renderers are given as name=value pairs."""
    site = tmp_path / "site"
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delenv("GRAPHDIFF_PREFER", raising=False)

    def write(entries: dict[str, str], source: str = PLUGIN) -> None:
        info = site / "colours-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colours\nVersion: 1.2\n")
        lines = ["[graphdiff.renderers]", *(f"{name} = {value}" for name, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        (site / "colours_plugin.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(site)
        refresh()

    yield write
    sys.modules.pop("colours_plugin", None)
    for name in (".dot", "circuit"):
        prefer("renderers", name, None)
    monkeypatch.undo()
    refresh()


@pytest.fixture
def f() -> gd.Tensor:
    x, y = gd.variables(x=3.0, y=4.0)
    return x * y


def test_the_built_in_ones_are_plugins_too() -> None:
    infos = {info.name: info for info in gd.renderers.list()}
    assert {"circuit", "tensor", "overview", ".svg", ".png", ".pdf", ".dot", ".json", ".mmd"} <= set(infos)
    assert all(info.distribution == "graphdiff" for info in infos.values())


def test_an_installed_package_brings_a_format(install: Install, f: gd.Tensor, tmp_path: Path) -> None:
    install({".txt": "colours_plugin:listing"})
    path = draw(f).save(tmp_path / "f.TXT")
    assert path.read_text().startswith("x\ny\nmultiply#")
    with pytest.raises(DrawingError, match=r"\.svg, \.txt"):
        draw(f).save(tmp_path / "f.nothing")


def test_an_installed_package_brings_a_style(install: Install, f: gd.Tensor) -> None:
    install({"count": "colours_plugin:count"})
    assert draw(f, style="count", title="nodes").dot == 'digraph { n [label="nodes: 3"] }'
    with pytest.raises(ArgumentError, match="'count'"):
        draw(f, style="cuont")


@needs_engine
def test_a_picture_of_a_foreign_style_is_laid_out_as_any_other(install: Install, f: gd.Tensor) -> None:
    install({"count": "colours_plugin:count"})
    assert "nodes: 3" in draw(f, style="count", title="nodes").svg


def test_a_script_brings_both_by_decorator(f: gd.Tensor, tmp_path: Path) -> None:
    @gd.renderers.register(".length")
    def length(picture: Picture, **options: object) -> bytes:
        return str(len(picture.dot)).encode()

    @gd.renderers.register("blank")
    def blank(subject: object, options: object) -> Picture:
        return Picture("digraph { }")

    try:
        assert draw(f, style="blank").save(tmp_path / "f.length").read_bytes() == b"11"
    finally:
        for name in (".length", "blank"):
            del gd.renderers._scripts[name]
        gd.renderers._reset()


def test_a_package_does_not_take_a_built_in_name_by_being_installed(
    install: Install, f: gd.Tensor, tmp_path: Path
) -> None:
    before = draw(f).dot
    install({".dot": "colours_plugin:own_dot"})
    assert draw(f).save(tmp_path / "f.dot").read_text("utf-8") == before
    prefer("renderers", ".dot", "colours")
    assert draw(f).save(tmp_path / "f.dot").read_text("utf-8") == "digraph { own }"


@pytest.mark.parametrize("value", ["colours_plugin:broken", "colours_plugin:missing", "no_such_module:x"])
def test_a_broken_one_is_named_and_the_built_in_does_its_work(
    install: Install, f: gd.Tensor, tmp_path: Path, value: str
) -> None:
    before = draw(f).dot
    install({".dot": value, "circuit": value})
    prefer("renderers", ".dot", "colours")
    with pytest.warns(UserWarning, match=r"the built-in '\.dot' is used, .* of colours 1\.2"):
        assert draw(f).save(tmp_path / "f.dot").read_text("utf-8") == before
    prefer("renderers", "circuit", "colours")
    with pytest.warns(UserWarning, match=r"'circuit' of colours 1\.2"):
        assert draw(f).dot == before


def test_a_style_that_returns_no_picture_counts_as_broken(install: Install, f: gd.Tensor) -> None:
    before = draw(f).dot
    install({"circuit": "colours_plugin:listing"}, "def listing(subject, options): return 'text'")
    prefer("renderers", "circuit", "colours")
    with pytest.warns(UserWarning, match="str is no Picture"):
        assert draw(f).dot == before


def test_a_broken_one_without_a_built_in_is_an_error_that_names_it(
    install: Install, f: gd.Tensor, tmp_path: Path
) -> None:
    install({".txt": "colours_plugin:broken", "gone": "colours_plugin:gone"})
    with pytest.raises(DrawingError, match=r"'\.txt' of colours 1\.2 .*ZeroDivisionError: by the plugin"):
        draw(f).save(tmp_path / "f.txt")
    assert not (tmp_path / "f.txt").exists()
    with pytest.raises(PluginError, match="colours"):
        draw(f, style="gone")


def test_a_built_in_that_fails_says_so_itself(
    f: gd.Tensor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DrawingError("the layout failed")

    monkeypatch.setattr(layout, "render", fails)
    with pytest.raises(DrawingError, match="the layout failed"):
        draw(f).save(tmp_path / "f.svg")


def test_listing_them_loads_none() -> None:
    assert renderers.styles()[0] == "circuit"
    assert all(name.startswith(".") for name in renderers.formats())
