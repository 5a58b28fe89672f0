"""Hostile files: none is executed, all are refused, in little memory and time, and nothing is left behind."""

import pytest
from hostile_files import data, graphs, state
from hostile_files.confined import Confined, answer

TABLES = {
    "safetensors": state.SAFETENSORS,
    "torch": state.TORCH,
    "checkpoints": state.CHECKPOINTS,
    "IDX": data.IDX | data.MNIST,
    "CIFAR": data.CIFAR,
    "images": data.IMAGES,
    "graphs": graphs.JSON,
    "entry points": graphs.ENTRY_POINTS,
}
FILES = [(table, name) for table, files in TABLES.items() for name in files]


def refused(table, name, path):
    """In the other process, where the tables are the same."""
    return answer(TABLES[table][name].read, path)


@pytest.fixture(scope="module")
def confined():
    found = Confined()
    yield found
    found.close()


def written(folder, table, name):
    (folder / "files").mkdir()
    return TABLES[table][name].write(folder / "files", folder / "canary")


def content(folder):
    """Every name below, and when it was last changed."""
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize(("table", "name"), FILES, ids=[name for _, name in FILES])
def test_a_hostile_file_is_refused(confined, tmp_path, table, name):
    path = written(tmp_path, table, name)
    before = content(tmp_path)
    found = confined(refused, table, name, path)
    assert found.kind == "refused", found
    assert found.fix
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("table", "name"), [(t, n) for t, n in FILES if TABLES[t][n].careless], ids=lambda value: value
)
def test_the_canary_shows_what_a_careless_reader_runs(tmp_path, table, name):
    TABLES[table][name].careless(written(tmp_path, table, name))
    assert (tmp_path / "canary").exists()
