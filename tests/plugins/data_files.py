"""Files of data for the tests, and how reading them may end."""

import io
import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from graphdiff.errors import DataError


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def written(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refusal(read, path, *arguments):
    """What the error says; it names the file and how to mend it."""
    with pytest.raises(DataError) as raised:
        read(path, *arguments)
    assert str(path) in raised.value.what
    assert raised.value.fix
    return raised.value.what


def read_or_refuse(read, path, *arguments):
    try:
        read(path, *arguments)
    except DataError as problem:
        what = problem.what
    else:
        return
    assert str(path) in what


def peak(act):
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def python2(value):
    """The pickle that Python 2's cPickle made at protocol 2, where text was bytes."""
    out = io.BytesIO()

    def string(text):
        raw = text.encode("latin-1") if isinstance(text, str) else text
        short = len(raw) < 256
        out.write(b"U" + bytes([len(raw)]) if short else b"T" + struct.pack("<i", len(raw)))
        out.write(raw)
        out.write(b"r" + struct.pack("<I", out.tell()))

    def put(item):
        if isinstance(item, dict):
            out.write(b"}q\x01(")
            for key, part in item.items():
                string(key)
                put(part)
            out.write(b"u")
        elif isinstance(item, list):
            out.write(b"]q\x02(")
            for part in item:
                put(part)
            out.write(b"e")
        elif isinstance(item, np.ndarray):
            out.write(
                b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87R(K\x01"
            )
            out.write(b"".join(b"J" + struct.pack("<i", n) for n in item.shape) + b"\x86")
            out.write(
                b"cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            )
            out.write(b"\x89")
            string(item.tobytes())
            out.write(b"tb")
        elif isinstance(item, int):
            out.write(b"K" + bytes([item]))
        else:
            string(item)

    out.write(b"\x80\x02")
    put(value)
    out.write(b".")
    return out.getvalue()


def as_bytes(content):
    """With the keys that a Python 3 program writes which keeps to the published ones."""
    return {key.encode(): value for key, value in content.items()}


PICKLERS = {
    "python2": python2,
    **{f"protocol {p}": lambda c, p=p: pickle.dumps(as_bytes(c), p) for p in range(2, 6)},
}
