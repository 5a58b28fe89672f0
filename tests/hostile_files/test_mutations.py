"""Valid files with bytes changed: read as what they were, or refused; never another error, a crash or a hang.

Where a format has a checksum, what is read is what was written. ``GRAPHDIFF_MUTATIONS`` says how many files
of each form the campaign reads.
"""

import gzip
import io
import json
import os
import pickle
import warnings
import zlib

import numpy as np
import pytest
import torch
from graphdiff_data.idx import read_idx
from graphdiff_data.pickled import read_pickle
from hostile_files.confined import Answer, Confined, answer
from hostile_files.data import idx
from hostile_files.graphs import valid
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from plugins.data_files import PICKLERS, noise
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.train import Checkpoints

STATE = {"w": np.arange(6.0, dtype="float32").reshape(2, 3), "n": np.arange(3)}
PIXELS = noise(6, 6, 3)
FACTS = "checkpoint.json"


def _safetensors(folder):
    gd.save_state(folder / "s.safetensors", STATE)
    return folder / "s.safetensors"


def _torch(folder, **options):
    torch.save({name: torch.tensor(value) for name, value in STATE.items()}, folder / "s.pth", **options)
    return folder / "s.pth"


def _legacy(folder):
    return _torch(folder, _use_new_zipfile_serialization=False)


def _written(name, content):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _image(form):
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, form)
    return _written(f"bee/x.{form}", out.getvalue())


def _checkpoint(folder):
    trainer().fit(points(8), epochs=1, checkpoints=Checkpoints(folder), progress=False)
    return folder / FACTS


def _resume(path):
    trainer().fit(points(8), epochs=2, checkpoints=Checkpoints(path.parent), resume=True, progress=False)


def _pixels(path):
    found = gd.datasets.image_folder(path.parent.parent, size=6, test_fraction=0.5)
    assert found.train.inputs.dtype == np.uint8
    return found.train.inputs.shape


def _state(path):
    found = gd.load_state(path)
    assert all(isinstance(value, np.ndarray) and isinstance(name, str) for name, value in found.items())


def _same(path):
    np.testing.assert_array_equal(read_idx(path), PIXELS)


def _graph(path):
    graph = gd.Graph.from_json(path.read_bytes())
    assert gd.Graph.from_json(graph.to_json()).to_json() == graph.to_json()
    assert len(gd.draw(graph).dot) > 0


FORMS = {
    "safetensors": (_safetensors, _state),
    "torch": (_torch, _state),
    "torch, the older form": (_legacy, _state),
    "checkpoint": (_checkpoint, _resume),
    "IDX": (_written("images", idx((6, 6, 3), PIXELS.tobytes())), read_idx),
    "IDX, packed": (_written("images.gz", gzip.compress(idx((6, 6, 3), PIXELS.tobytes()))), _same),
    **{
        f"pickle by {name}": (
            _written("batch", dump({"data": PIXELS.reshape(6, 18), "labels": [1, 2, 3]})),
            lambda path: read_pickle(path, 1 << 20),
        )
        for name, dump in PICKLERS.items()
    },
    **{form: (_image(form), _pixels) for form in ("png", "jpeg", "gif", "bmp", "webp", "tiff", "ppm")},
    "graph": (_written("graph.json", json.dumps(valid()).encode()), _graph),
}

places = st.integers(0, 1 << 16)
edits = st.one_of(
    st.tuples(st.just("set"), places, st.integers(0, 255)),
    st.tuples(st.just("flip"), places, st.integers(0, 7)),
    st.tuples(st.just("insert"), places, st.binary(min_size=1, max_size=8)),
    st.tuples(
        st.just("insert"), places, st.sampled_from([b"\xff" * 8, b"\0" * 8, b"9" * 40, b"[" * 2000, b"-1"])
    ),
    st.tuples(st.just("delete"), places, st.integers(1, 64)),
    st.tuples(st.just("cut"), places, st.none()),
    st.tuples(st.just("copy"), places, places),
)
mutations = st.lists(edits, min_size=1, max_size=4)


def mutated(content, changes):
    """The content after the edits; places are taken modulo the length."""
    for kind, place, value in changes:
        made, k = bytearray(content), place % (len(content) or 1)
        if kind == "set":
            made[k : k + 1] = bytes([value])
        elif kind == "flip":
            made[k : k + 1] = bytes(byte ^ 1 << value for byte in made[k : k + 1])
        elif kind == "insert":
            made[k:k] = value
        elif kind == "delete":
            del made[k : k + value]
        elif kind == "cut":
            del made[k:]
        else:
            start = value % (len(content) or 1)
            made[k : k + 16] = made[start : start + 16]
        content = bytes(made)
    return content


def read(form, path, content):
    """In the other process: what comes of reading a file with this content."""
    path.write_bytes(content)
    warnings.simplefilter("ignore")  # Pillow's and torch's own, on what is odd
    return answer(FORMS[form][1], path)


@pytest.fixture(scope="module")
def confined():
    found = Confined()
    yield found
    found.close()


@pytest.fixture
def check(confined, tmp_path):
    """Whether content of a form is read or refused; the folder is made once, its file again each time."""

    def checked(form, change):
        folder = tmp_path / form
        if not folder.exists():
            for inner in ("ant", "bee"):
                (folder / inner).mkdir(parents=True)
            if form in ("png", "jpeg", "gif", "bmp", "webp", "tiff", "ppm"):
                for name in ("ant/0.png", "ant/1.png", "bee/0.png"):
                    Image.fromarray(PIXELS).save(folder / name)
            path = FORMS[form][0](folder)
            known[form] = path, {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        path, files = known[form]
        for file, content in files.items():
            file.write_bytes(content)
        found = confined(read, form, path, change(files[path]))
        assert found.kind in ("value", "refused"), found
        assert found.kind == "value" or found.fix, found
        return found

    known = {}
    return checked


@pytest.mark.parametrize("form", FORMS)
def test_what_is_unchanged_is_read(check, form):
    assert check(form, lambda content: content).kind == "value"


@pytest.mark.parametrize("form", FORMS)
def test_what_is_changed_is_read_or_refused(check, form):
    search(check, form, settings().max_examples)


@pytest.mark.campaign
@pytest.mark.parametrize("form", FORMS)
def test_the_campaign_of_changes(check, form):
    search(check, form, int(os.environ.get("GRAPHDIFF_MUTATIONS", "600")))


def search(check, form, examples):
    counts = {"value": 0, "refused": 0}

    @settings(max_examples=examples)
    @given(mutations)
    def tried(changes):
        counts[check(form, lambda content: mutated(content, changes)).kind] += 1

    tried()
    print(f"{form}: {counts}")  # noqa: T201
    assert counts["refused"]


def test_a_reader_that_leaks_or_crashes_is_seen(confined):
    assert confined(answer, zlib.decompress, b"nothing") == Answer(
        "leaked", "error: Error -3 while decompressing data: incorrect header check"
    )
    assert confined(answer, os.abort) == Answer("leaked", "the process crashed")
    assert confined(answer, bytes, 1 << 40).text.startswith("MemoryError")
    assert confined(answer, pickle.dumps, 3).kind == "value"
