"""Every script of the gallery runs by itself and leaves its pictures; the site that shows them is whole."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "gallery"
SLOW = {"alexnet_and_vgg", "dropout_and_augmentation", "resnets", "transfer_learning"}
NAMES = sorted(path.stem.removeprefix("plot_") for path in GALLERY.glob("plot_*.py"))

STARTS = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!DOCTYPE html>"}
CHOSEN = re.findall(r"gallery/pictures/(\w+\.png)", (ROOT / "README.md").read_text("utf-8"))


@pytest.fixture
def copied(tmp_path):
    """The gallery without its pictures, beside what the benchmarks measured."""
    shutil.copytree(GALLERY, tmp_path / "gallery", ignore=shutil.ignore_patterns("pictures", "made"))
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    return tmp_path / "gallery"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.campaign if name in SLOW else ()) for name in NAMES]
)
def test_a_script_leaves_its_pictures(copied, name):
    command = [sys.executable, "-W", "error", f"plot_{name}.py"]
    done = subprocess.run(command, cwd=copied, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = {path.name: path for path in (copied / "pictures").iterdir()}
    assert made
    assert made.keys() >= {picture for picture in CHOSEN if _maker(picture) == name}
    for path in made.values():
        assert path.read_bytes().startswith(STARTS[path.suffix]), path.name


def _maker(picture):
    """The script with the longest name that the picture's name begins with."""
    return max((name for name in NAMES if picture.startswith(name)), key=len, default="")


def test_every_picture_of_the_readme_has_a_script():
    assert all(_maker(picture) for picture in CHOSEN)


def test_the_index_names_every_script():
    listed = re.findall(r"\.\./plot_(\w+)\.py", (GALLERY / "site/index.rst").read_text("utf-8"))
    assert sorted(listed) == NAMES


def _built(gallery, pattern):
    """The site, with the scripts that match the pattern run, and warnings as errors."""
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html"]
    command += ["-D", f"sphinx_gallery_conf.filename_pattern={pattern}", "gallery/site", "site"]
    done = subprocess.run(command, cwd=gallery.parent, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return gallery.parent / "site"


def _loads_nothing_from_elsewhere(site):
    loads = r"""(?:src=|<link[^>]+href=|url\(|@import )["']?(?:https?:)?//[^"')>]+"""
    for path in (*site.rglob("*.html"), *site.rglob("*.css")):
        assert not re.findall(loads, path.read_text("utf-8")), path


def test_the_site_shows_what_a_script_drew(copied):
    site = _built(copied, "plot_interactive_page")
    page = (site / "made/plot_interactive_page.html").read_text("utf-8")
    drawing = page[page.index("<figure class='drawing'>") : page.index("</figure>")]
    assert "0.73" in drawing
    assert "−0.53" in drawing
    frames = re.findall(r"<iframe[^>]* src='\.\./(pages/\w+\.html)'", page)
    assert len(frames) == 2
    assert all((site / frame).is_file() for frame in frames)
    _loads_nothing_from_elsewhere(site)


@pytest.mark.campaign
def test_the_whole_site_builds(copied):
    site = _built(copied, "plot_")
    for name in NAMES:
        assert f"made/plot_{name}.html" in (site / "index.html").read_text("utf-8")
    assert not list((site / "_images").glob("*no_image*"))
    _loads_nothing_from_elsewhere(site)
