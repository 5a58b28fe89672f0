"""Hostile state files and checkpoints."""

import io
import json
import pickle
import shutil
import struct
import tarfile
import zipfile

import numpy as np
import torch
from hostile_files.confined import Hostile
from hostile_files.writing import DEEP, SPECIAL, archive, sparse, touching, unpickle, written
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.train import Checkpoints

# safetensors


def safetensors(folder, head, data=b"", length=None):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    length = len(text) if length is None else length
    return written(folder / "s.safetensors", struct.pack("<Q", length) + text + data)


def entry(dtype, shape, *offsets):
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def _objects(folder, canary):
    path = folder / "s.npz"
    np.savez(path, w=touching(canary)["in an array"])
    return path.rename(folder / "s.safetensors")


HEADS = {
    "a head longer than any file": (b"{}", b"", 1 << 63),
    "a head longer than the file": (b"{}", b"", 1 << 20),
    "a head of nested lists": (b'{"a":' + b"[" * 1_000_000, b"", None),
    "a head that is no text": (b'{"\xff\xfe": 3}', b"", None),
    "a head that is a list": (b"[]", b"", None),
    "a number past the end": ({"a": entry("F32", [1 << 20], 0, 1 << 22)}, b"abcd", None),
    "a hole between numbers": (
        {"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)},
        bytes(12),
        None,
    ),
    "numbers that are shared": ({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, bytes(4), None),
    "offsets below zero": ({"a": entry("F32", [1], -4, 0)}, bytes(4), None),
    "offsets backwards": ({"a": entry("F32", [1], 4, 0)}, bytes(4), None),
    "a size below zero": ({"a": entry("F32", [-1], 0, 4)}, bytes(4), None),
    "a size that overflows": ({"a": entry("F32", [1 << 62, 4], 0, 0)}, b"", None),
    "a huge size beside 0": ({"a": entry("F32", [(1 << 64) - 1, 0], 0, 0)}, b"", None),
    "more axes than an array has": ({"a": entry("F32", [1] * 200, 0, 4)}, bytes(4), None),
    "numbers after the end": ({"a": entry("F32", [1], 0, 4)}, bytes(8), None),
    "an unknown type": ({"a": entry("object", [1], 0, 8)}, bytes(8), None),
    "complex numbers": ({"a": entry("C64", [1], 0, 8)}, bytes(8), None),
}
SAFETENSORS = {
    **{
        name: Hostile(lambda d, c, head=head: safetensors(d, *head), gd.load_state)
        for name, head in HEADS.items()
    },
    **{
        f"{name} as a state file": Hostile(lambda d, c, make=make: make(d / "s.safetensors"), gd.load_state)
        for name, make in SPECIAL.items()
    },
    "a terabyte of zeros as its head says": Hostile(
        lambda d, c: sparse(
            safetensors(d, {"a": entry("U8", [1 << 40], 0, 1 << 40)}),
            (d / "s.safetensors").read_bytes(),
            (1 << 40) + (d / "s.safetensors").stat().st_size,
        ),
        gd.load_state,
    ),
    "a pickle as a state file": Hostile(
        lambda d, c: written(d / "s.safetensors", pickle.dumps(touching(c)["os.system"])),
        gd.load_state,
        unpickle,
    ),
    "NumPy's archive of objects as a state file": Hostile(
        _objects, gd.load_state, lambda path: np.load(path, allow_pickle=True)["w"]
    ),
    "NumPy's archive of objects under its own name": Hostile(
        lambda d, c: _objects(d, c).rename(d / "s.npz"),
        gd.load_state,
        lambda path: np.load(path, allow_pickle=True)["w"],
    ),
    "a state file in a folder with a name too long": Hostile(lambda d, c: d / ("a" * 5000), gd.load_state),
}

# torch


def _fall(path):
    return torch.load(path, weights_only=False)


def _saved(folder, value, name="s.pth", **options):
    torch.save(value, folder / name, **options)
    return folder / name


def _altered(folder, change, compression=zipfile.ZIP_STORED, value=None):
    """An archive that torch wrote, its records changed."""
    path = _saved(folder, {"w": torch.zeros(4)} if value is None else value, "plain.pth")
    with zipfile.ZipFile(path) as source:
        records = [(name, source.read(name)) for name in source.namelist()]
    path.unlink()
    return archive(folder / "s.pth", change(records), compression)


def _program(pickled):
    """The archive's pickle is this one."""
    return lambda records: [(n, pickled if n.endswith("data.pkl") else content) for n, content in records]


def _overlapping(folder):
    """Two records that are the same bytes: the directory says one thing twice."""
    path = _altered(folder, lambda records: [*records, ("plain/data/1", bytes(64))])
    content, name = path.read_bytes(), b"plain/data/1"
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(name))
    huge = content[: place + 20] + struct.pack("<II", 1 << 28, 1 << 28) + content[place + 28 :]
    return written(path, huge)


def _legacy(numel):
    """torch's older form, of a tensor that says it has so many elements."""

    def write(folder, canary):
        path = _saved(folder, {"w": torch.zeros(4)}, _use_new_zipfile_serialization=False)
        content = path.read_bytes()
        return written(path, content.replace(b"K\x04", b"\x8a\x08" + struct.pack("<q", numel)))

    return write


def _tar(folder, canary):
    with tarfile.open(folder / "s.pth", "w") as file:
        file.addfile(tarfile.TarInfo("../canary"), io.BytesIO())
    return folder / "s.pth"


TENSORS = {
    "one number seen as many": lambda: torch.zeros(1).expand(1 << 40),
    "one number in a vast sparse matrix": lambda: torch.sparse_coo_tensor(
        torch.zeros(2, 1, dtype=torch.long), torch.ones(1), (10**7, 10**7), check_invariants=True
    ),
    "a tensor without numbers": lambda: torch.zeros(3, device="meta"),
    "a tensor of a type that NumPy does not have": lambda: torch.zeros(3, dtype=torch.float8_e4m3fn),
}
PROGRAMS = {
    "a key too deep to be hashed": b"\x80\x02}" + DEEP + b"Ns.",
    "a value too deep": b"\x80\x02}X\x01\x00\x00\x00a" + DEEP + b"s.",
    "lists without end": b"\x80\x02}" + b"]" * 3_000_000 + b".",
    "a name of a million letters": b"\x80\x02cos" + b"A" * 1_000_000 + b"\nsystem\n.",
    "a stack that is empty": b"\x80\x02R.",
    "a mark that is missing": b"\x80\x02t.",
    "nothing": b"",
}
TORCH = {
    **{
        f"torch's file that runs {name}{form}": Hostile(
            lambda d, c, name=name, new=new: _saved(
                d, {"w": touching(c)[name]}, _use_new_zipfile_serialization=new
            ),
            gd.load_state,
            _fall,
        )
        for name in ("os.system", "eval", "exec", "mkdir")
        for form, new in (("", True), (", the older form", False))
    },
    "a plain pickle as torch's file": Hostile(
        lambda d, c: written(d / "s.bin", pickle.dumps({"w": touching(c)["eval"]})), gd.load_state, unpickle
    ),
    "torch's file of a whole module": Hostile(lambda d, c: _saved(d, torch.nn.Linear(2, 2)), gd.load_state),
    **{
        f"torch's file of {name}": Hostile(lambda d, c, make=make: _saved(d, {"w": make()}), gd.load_state)
        for name, make in TENSORS.items()
    },
    **{
        f"torch's file of {name}": Hostile(
            lambda d, c, program=program: _altered(d, _program(program)), gd.load_state
        )
        for name, program in PROGRAMS.items()
    },
    **{
        f"torch's older file of {name}": Hostile(
            lambda d, c, program=program: written(d / "s.pth", program), gd.load_state
        )
        for name, program in PROGRAMS.items()
    },
    "torch's file of compressed zeros": Hostile(
        lambda d, c: _altered(d, lambda records: records, zipfile.ZIP_DEFLATED, {"w": torch.zeros(1 << 20)}),
        gd.load_state,
    ),
    "torch's file whose record is larger than it": Hostile(lambda d, c: _overlapping(d), gd.load_state),
    "torch's file with two pickles": Hostile(
        lambda d, c: _altered(d, lambda records: [*records, ("plain/./data.pkl", PROGRAMS["nothing"])]),
        gd.load_state,
    ),
    "torch's file of names that are numbers": Hostile(
        lambda d, c: _saved(d, {1: torch.zeros(2)}), gd.load_state
    ),
    "torch's older file of more numbers than it has": Hostile(_legacy(1 << 58), gd.load_state),
    "a tape archive as torch's file": Hostile(
        _tar,
        gd.load_state,
        lambda path: shutil.unpack_archive(path, path.parent, "tar", filter="fully_trusted"),
    ),
    **{
        f"{name} as torch's file": Hostile(lambda d, c, make=make: make(d / "s.pth"), gd.load_state)
        for name, make in SPECIAL.items()
    },
}

# Checkpoints


def _resume(folder):
    return trainer().fit(points(12), checkpoints=Checkpoints(folder), resume=True, epochs=2, progress=False)


def _kept(folder):
    trainer().fit(points(12), epochs=1, checkpoints=Checkpoints(folder), progress=False)
    return folder


def _index(text):
    return lambda folder, canary: written(_kept(folder) / "checkpoint.json", text).parent


def _edited(**changes):
    def write(folder, canary):
        path = _kept(folder) / "checkpoint.json"
        given = {k: v(canary) if callable(v) else v for k, v in changes.items()}
        return written(path, json.dumps(json.loads(path.read_text()) | given).encode()).parent

    return write


def _replaced(make):
    def write(folder, canary):
        path = _kept(folder) / "checkpoint.json"
        path.unlink()
        make(path)
        return folder

    return write


def _pickled(folder, canary):
    path = _edited(arrays="s.pth")(folder, canary) / "s.pth"
    torch.save({"w": touching(canary)["os.system"]}, path)
    return folder


CHECKPOINTS = {
    **{
        f"{name} as a checkpoint's index": Hostile(_replaced(make), _resume) for name, make in SPECIAL.items()
    },
    "an index of nested lists": Hostile(_index(b"[" * 1_000_000), _resume),
    "an index of nested lists in its history": Hostile(
        _index(b'{"format": 2, "history": ' + b"[" * 900 + b"]" * 900 + b"}"), _resume
    ),
    "an index of an endless number": Hostile(_index(b"9" * 1_000_000), _resume),
    "an index that is no text": Hostile(_index(b"\xff\xfe\x00"), _resume),
    "an index that names a file above": Hostile(_edited(arrays="../s.safetensors"), _resume),
    "an index that names a file by its path": Hostile(_edited(arrays=lambda c: str(c)), _resume),
    "an index that names the folder above": Hostile(_edited(arrays=".."), _resume),
    "an index that names nothing": Hostile(_edited(arrays=""), _resume),
    "an index that names a name too long": Hostile(_edited(arrays="a" * 5000), _resume),
    "an index that names a zero": Hostile(_edited(arrays="a\0.safetensors"), _resume),
    "an index that names half a character": Hostile(_edited(arrays="\ud800.safetensors"), _resume),
    "an index that names a pickle": Hostile(_pickled, _resume, lambda folder: _fall(folder / "s.pth")),
    "an index of one callback more": Hostile(_edited(callbacks=[{}]), _resume),
    "an index of sums that are text": Hostile(_edited(sums=["a", "b"]), _resume),
    "an index of more sums": Hostile(_edited(sums=[0.0] * 9), _resume),
    "an index of an epoch before the first": Hostile(_edited(epoch=-5), _resume),
    "an index of steps before the first": Hostile(_edited(done=-5), _resume),
    "an index of a history that is none": Hostile(_edited(history={"epochs": [[]]}), _resume),
    "an index of a rate that is none": Hostile(_edited(lr=float("nan")), _resume),
    "an index of a history of text": Hostile(_edited(history={"losses": "abc"}), _resume),
    "an index of more steps than it has": Hostile(_edited(done=10**12), _resume),
    "an index of settings that are lists": Hostile(_edited(settings={"data": []}), _resume),
}
