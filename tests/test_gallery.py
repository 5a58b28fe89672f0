"""Every script of the gallery runs by itself and leaves its pictures."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = {"dropout_and_augmentation"}
OTHER_FILES = {"training_steps"}  # drawn from the benchmarks' figures
NAMES = sorted(path.stem.removeprefix("plot_") for path in (ROOT / "gallery").glob("plot_*.py"))


def scripts():
    return [
        pytest.param(name, marks=pytest.mark.campaign if name in SLOW else ())
        for name in NAMES
        if name not in OTHER_FILES
    ]


@pytest.mark.parametrize("name", scripts())
def test_a_script_leaves_its_pictures(tmp_path, name):
    shutil.copytree(ROOT / "gallery", tmp_path / "gallery", ignore=shutil.ignore_patterns("pictures"))
    command = [sys.executable, f"plot_{name}.py"]
    done = subprocess.run(command, cwd=tmp_path / "gallery", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / "gallery/pictures").iterdir()}
    assert made == {p.name for p in (ROOT / "gallery/pictures").glob("*") if p.stem.startswith(name)}
    for path in (tmp_path / "gallery/pictures").iterdir():
        start = b"\x89PNG" if path.suffix == ".png" else b"<?xml"
        assert path.read_bytes().startswith(start), path.name
