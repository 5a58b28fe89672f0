"""Hostile files of data: IDX, CIFAR's pickles, images."""

import gzip
import pickle
import struct
import zlib

import numpy as np
from graphdiff_data.idx import read_idx
from hostile_files.confined import Hostile
from hostile_files.writing import DEEP, SPECIAL, png, touching, unpickle, written
from PIL import Image
from plugins.data_files import noise

import graphdiff as gd

# IDX


def idx(shape, data=b"", code=8, zeros=0, axes=None):
    axes = len(shape) if axes is None else axes
    return struct.pack(f">HBB{len(shape)}I", zeros, code, axes, *shape) + data


def _packed_zeros(start, blocks=128):
    """A gzip stream of the start and 16 MiB of zeros many times: copies of what one block packs to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * blocks + packer.flush()


IDX_TEXTS = {
    "nothing": b"",
    "half a head": idx((4,))[:3],
    "another magic number": idx((4,), bytes(4), zeros=0x5089),
    "an unknown type": idx((4,), bytes(4), code=0x41),
    "no axes": idx((), bytes(4)),
    "more axes than an array has": idx((1,) * 200, bytes(1)),
    "axes that are not there": idx((4,), b"", axes=8),
    "sizes that overflow": idx((2**32 - 1,) * 8, bytes(100)),
    "a size below zero, which is a large one": idx((0x80000000,), bytes(100)),
    "a gigabyte": idx((1 << 30,), bytes(100)),
    "less than it says": idx((100,), bytes(99)),
    "more than it says": idx((100,), bytes(101)),
    "a pickle": pickle.dumps({"a": 1}),
}
IDX = {
    **{
        f"IDX of {name}{form}": Hostile(
            lambda d, c, text=text, pack=pack: written(d / "images", pack(text)), read_idx
        )
        for name, text in IDX_TEXTS.items()
        for form, pack in (("", bytes), (", packed", gzip.compress))
    },
    "IDX packed, with 2 GiB behind what it says": Hostile(
        lambda d, c: written(d / "images", _packed_zeros(idx((1000,), bytes(1000)))), read_idx
    ),
    "IDX packed, with 2 GiB where it says a terabyte": Hostile(
        lambda d, c: written(d / "images", _packed_zeros(idx((1 << 31, 1 << 9)))), read_idx
    ),
    "IDX packed twice": Hostile(
        lambda d, c: written(d / "images", gzip.compress(gzip.compress(idx((4,), bytes(4))))), read_idx
    ),
    "IDX with a broken checksum": Hostile(
        lambda d, c: written(d / "images", gzip.compress(idx((4,), bytes(4)))[:-8] + bytes(8)), read_idx
    ),
}


def _mnist(make):
    """MNIST's four files, the first made by something else."""

    def write(folder, canary):
        for part in ("train", "t10k"):
            written(folder / f"{part}-images-idx3-ubyte", idx((2, 28, 28), bytes(2 * 28 * 28)))
            written(folder / f"{part}-labels-idx1-ubyte", idx((2,), bytes(2)))
        (folder / "train-images-idx3-ubyte").unlink()
        make(folder / "train-images-idx3-ubyte")
        return folder

    return write


MNIST = {
    f"{name} among MNIST's files": Hostile(_mnist(make), gd.datasets.mnist) for name, make in SPECIAL.items()
}

# CIFAR

_BATCHES = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]


def _cifar(make):
    """CIFAR-10's six files, the first made by something else."""

    def write(folder, canary):
        for name in _BATCHES:
            content = {b"data": noise(2, 3072), b"labels": [0, 1]}
            written(folder / name, pickle.dumps(content, 2))
        (folder / _BATCHES[0]).unlink()
        make(folder / _BATCHES[0], canary)
        return folder

    return write


def _batch(name):
    return lambda path, canary: written(path, pickle.dumps({b"data": touching(canary)[name], b"labels": [0]}))


BLANK = b"cnumpy.core.multiarray\n_reconstruct\n)R"
PICKLES = {
    "a key too deep to be hashed": b"\x80\x02}" + DEEP + b"Ns.",
    "a name too deep to be hashed": b"\x80\x04" + DEEP + b"X\x01\x00\x00\x00a\x93.",
    "steps without end": b"\x80\x02" + b"]" * 3_000_000 + b".",
    "a text of a huge length": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"a.",
    "an array of a huge shape": b"\x80\x02"
    + BLANK
    + b"(K\x01M\xff\xffM\xff\xff\x86cnumpy\ndtype\nU\x02u1\x85R\x89U\x01atb.",
    "a number of a million digits": b"\x80\x02L" + b"9" * 1_000_000 + b"L\n.",
    "an object of an old class": b"(cos\nsystem\no.",
}
CIFAR = {
    **{
        f"CIFAR's pickle that runs {name}": Hostile(
            _cifar(_batch(name)), gd.datasets.cifar10, lambda folder: unpickle(folder / _BATCHES[0])
        )
        for name in touching("")
    },
    **{
        f"CIFAR's pickle of {name}": Hostile(
            _cifar(lambda path, canary, program=program: written(path, program)), gd.datasets.cifar10
        )
        for name, program in PICKLES.items()
    },
    **{
        f"{name} among CIFAR's files": Hostile(
            _cifar(lambda path, canary, make=make: make(path)), gd.datasets.cifar10
        )
        for name, make in SPECIAL.items()
    },
}

# Images


def _pictures(folder):
    return gd.datasets.image_folder(folder, size=4)


def _among(name, make):
    """A folder of two classes, and in one of them a file that is something else."""

    def write(folder, canary):
        for kind in ("ant", "bee"):
            for n in range(2):
                written(folder / kind / f"{n}.png", png(4, 4, bytes(20)))
        make(folder / "bee" / name, canary)
        return folder

    return write


def _image(form, content):
    return Hostile(_among(f"x.{form}", lambda path, canary: written(path, content)), _pictures)


def _stretched(path, canary):
    """A TIFF that says it is far larger than it is."""
    Image.fromarray(noise(6, 6)).save(path)
    content = bytearray(path.read_bytes())
    for tag in (256, 257):  # its width and height
        place = content.index(struct.pack("<H", tag), 8)
        content[place + 2 : place + 12] = struct.pack("<HII", 4, 1, 1 << 20)
    written(path, bytes(content))


def _objects(path, canary):
    with path.open("wb") as file:
        np.save(file, touching(canary)["in an array"])


_TEXT = (b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26)))
IMAGES = {
    "an image of 60,000 × 60,000": _image("png", png(60_000, 60_000)),
    "an image of 2³¹ × 2³¹": _image("png", png(2**31 - 1, 2**31 - 1)),
    "an image of 10,000 × 10,000 zeros": _image("png", png(10_000, 10_000, bytes(10_001 * 10_000))),
    "an image without pixels": _image("png", png(0, 0)),
    "an image with a text that unpacks to 64 MiB": _image("png", png(4, 4, bytes(20), extra=[_TEXT])),
    "an image with 64 such texts": _image("png", png(4, 4, bytes(20), extra=[_TEXT] * 64)),
    "an image whose pixels break off": _image("png", png(100, 100, bytes(7))),
    "an image of a terabyte, as PPM": _image("ppm", b"P6 1000000 1000000 255\n"),
    "an image whose sizes are below zero, as PPM": _image("ppm", b"P6 -5 -5 255\n"),
    "an image whose size has a million digits": _image("ppm", b"P6 " + b"9" * 1_000_000 + b" 4 255\n"),
    "an image of a terabyte, as BMP": _image(
        "bmp", b"BM" + struct.pack("<IHHIIiiHH", 64, 0, 0, 54, 40, 1 << 20, 1 << 20, 1, 24) + bytes(64)
    ),
    "an image of 65,535 × 65,535, as GIF": _image(
        "gif",
        b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0)
        + b"\x08\x01\x00\x00;",
    ),
    "an image far larger than its file, as TIFF": Hostile(_among("x.tif", _stretched), _pictures),
    "a PostScript program as an image": _image(
        "png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n"
    ),
    "a script as an image": _image("jpg", b"#!/bin/sh\ntouch canary\n"),
    "a page with a script as an image": _image("webp", b"<svg><script>alert(1)</script></svg>"),
    "a pickle as an image": Hostile(
        _among("x.gif", lambda path, canary: written(path, pickle.dumps(touching(canary)["eval"]))),
        _pictures,
        lambda folder: unpickle(folder / "bee" / "x.gif"),
    ),
    "NumPy's file of objects as an image": Hostile(
        _among("x.bmp", _objects),
        _pictures,
        lambda folder: np.load(folder / "bee" / "x.bmp", allow_pickle=True),
    ),
    "a link to another file as an image": Hostile(
        _among("x.png", lambda path, canary: path.symlink_to("/etc/passwd")), _pictures
    ),
    "a link to nothing as an image": Hostile(
        _among("x.png", lambda path, canary: path.symlink_to("../../nothing")), _pictures
    ),
    "a link to the folder above as a class": Hostile(
        _among("x.png", lambda path, canary: path.symlink_to("..")), _pictures
    ),
    **{
        f"{name} as an image": Hostile(_among("x.png", lambda path, canary, make=make: make(path)), _pictures)
        for name, make in SPECIAL.items()
    },
}
