"""Pictures stay as they are, and are the same every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from draw.golden_pictures import ALL, FOLDER


@pytest.mark.parametrize("name", ALL)
def test_the_text_is_the_one_that_was_kept(name: str) -> None:
    kept = (FOLDER / f"{name}.dot").read_text(encoding="utf-8")
    assert ALL[name]().dot == kept, "see golden_pictures.py for how to write it anew"


@pytest.mark.parametrize("name", ALL)
def test_the_text_does_not_depend_on_what_was_computed_before(name: str) -> None:
    assert ALL[name]().dot == ALL[name]().dot


def test_neither_hashes_nor_the_working_folder_matter(tmp_path: Path) -> None:
    here = str(FOLDER.parent)
    script = f"import sys; sys.path.insert(0, {here!r}); import golden_pictures as g; print(g.circuit().dot)"
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            cwd=tmp_path,
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {ALL["circuit"]().dot + "\n"}
