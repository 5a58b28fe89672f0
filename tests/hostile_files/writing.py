"""How hostile files are written: pickles that run something, archives that lie, files that never end."""

import os
import pickle
import struct
import zipfile
import zlib

import numpy as np


class Runs:
    """Unpickled, it calls."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def touching(canary):
    """Values that make the canary when they are unpickled, by different ways."""
    return {
        "os.system": Runs(os.system, f"touch '{canary}'"),
        "eval": Runs(eval, f"open({str(canary)!r}, 'w').close()"),
        "exec": Runs(exec, f"open({str(canary)!r}, 'w').close()"),
        "mkdir": Runs(os.mkdir, str(canary)),
        "in an array": np.array([Runs(os.mkdir, str(canary))], object),
    }


DEEP = b")" + b"\x85" * 300_000  # a tuple in a tuple in …: hashing it overflows the stack


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def archive(path, records, compression=zipfile.ZIP_STORED):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in records:
            file.writestr(name, content)
    return path


def pipe(path):
    """Reading it waits for a writer that never comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


def endless(path):
    """Reading it never ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/dev/zero")
    return path


def circle(path):
    """A link to itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path)
    return path


def sparse(path, start=b"", size=1 << 40):
    """A terabyte that takes no room on the disk."""
    written(path, start)
    os.truncate(path, size)
    return path


SPECIAL = {"a pipe": pipe, "an endless device": endless, "a link to itself": circle, "a terabyte": sparse}
"""Name -> what makes the file of a path something that must not be read."""


def png(width, height, data=b"", bits=8, extra=()):
    """A grey PNG, with chunks of one's own before the pixels."""

    def chunk(kind, content):
        total = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", total)

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*pair) for pair in chunks)


def unpickle(path):
    with path.open("rb") as file:
        return pickle.load(file)
