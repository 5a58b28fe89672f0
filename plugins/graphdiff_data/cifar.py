"""CIFAR-10 and CIFAR-100: colour images of 32×32 pixels, in both published forms.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, and the page of the data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeGuard

import numpy as np

from graphdiff.arguments import check_choice
from graphdiff.train import Arrays, Dataset
from graphdiff.train.data import Array
from graphdiff_data.files import find, read_whole, refused
from graphdiff_data.pickled import read_pickle

_SHAPE, _PIXELS = (3, 32, 32), 3 * 32 * 32
_MOST_WORDS = 1 << 16  # bytes of a file of names
_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


class _Label(NamedTuple):
    """Where an image's label is.

    Attributes:
        key: in a pickle's dict.
        byte, of: in a binary record, and how many labels there are before the pixels.
        classes: how many there are.
        images: how many a published file has at most.
    """

    key: str
    byte: int
    of: int
    classes: int
    images: int


def cifar10(folder: str | Path) -> Dataset:
    """CIFAR-10 from a local folder, or from its subfolder of the published name, in either form.

    ``cifar-10-batches-py`` has ``data_batch_1`` … ``data_batch_5`` and ``test_batch``;
    ``cifar-10-batches-bin`` the same with ``.bin``.

    Returns:
        Inputs (n, 3, 32, 32) uint8 from 0 to 255, red, green, blue; labels (n,) int64.

    Raises:
        DataError: files that are missing, damaged, or hold anything else.
    """
    label = _Label("labels", 0, 1, 10, 10_000)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    places = ("", "cifar-10-batches-py", "cifar-10-batches-bin")
    parts = [_read(path, label) for path in _find(folder, "CIFAR-10", names, places)]
    train, test = _joined(parts[:-1]), _joined(parts[-1:])
    return Dataset(train, test, _CLASSES, "CIFAR-10: colour images, 32×32 pixels (Krizhevsky 2009)")


def cifar100(folder: str | Path, *, labels: Literal["fine", "coarse"] = "fine") -> Dataset:
    """CIFAR-100 from a local folder, or from its subfolder of the published name, in either form.

    ``cifar-100-python`` has ``train``, ``test`` and ``meta``; ``cifar-100-binary`` has ``train.bin``,
    ``test.bin`` and a text file with the names of the classes. Without names the classes have none.

    Args:
        labels: the 100 fine classes or the 20 coarse ones.

    Returns:
        Inputs (n, 3, 32, 32) uint8 from 0 to 255, red, green, blue; labels (n,) int64.

    Raises:
        DataError: files that are missing, damaged, or hold anything else. ArgumentError: other labels.
    """
    forms = {
        "fine": _Label("fine_labels", 1, 2, 100, 50_000),
        "coarse": _Label("coarse_labels", 0, 2, 20, 50_000),
    }
    check_choice("labels", labels, forms)
    places = ("", "cifar-100-python", "cifar-100-binary")
    paths = _find(folder, "CIFAR-100", ["train", "test"], places)
    train, test = (_joined([_read(path, forms[labels])]) for path in paths)
    names = _names(paths[0].parent, labels, forms[labels].classes)
    return Dataset(train, test, names, "CIFAR-100: colour images, 32×32 pixels (Krizhevsky 2009)")


def _find(folder: str | Path, what: str, names: list[str], places: tuple[str, ...]) -> list[Path]:
    return find(folder, what, [f"{name}|{name}.bin" for name in names], places)


def _read(path: Path, label: _Label) -> Arrays:
    images, labels = (_binary if path.suffix == ".bin" else _python)(path, label)
    if not len(images):
        raise refused(path, "holds no images")
    if min(labels) < 0 or max(labels) >= label.classes:
        wrong = min(labels) if min(labels) < 0 else max(labels)
        raise refused(path, f"has the label {wrong}; 0 to {label.classes - 1} are expected")
    return Arrays(images.reshape(-1, *_SHAPE), np.array(labels, np.int64))


def _binary(path: Path, label: _Label) -> tuple[Array, list[int]]:
    """Records of the labels, a byte each, and the pixels."""
    length = label.of + _PIXELS
    data = np.frombuffer(read_whole(path, label.images * length), np.uint8)
    if len(data) % length:
        raise refused(path, f"truncated: {len(data):,} bytes are not whole records of {length:,}")
    records = data.reshape(-1, length)
    return records[:, label.of :], records[:, label.byte].tolist()


def _python(path: Path, label: _Label) -> tuple[Array, list[int]]:
    """A dict with an array of pixels and lists of labels (and of file names, which are not used)."""
    content = read_pickle(path, label.images * (_PIXELS + 256) + (1 << 16))
    images = content.get("data")
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (_PIXELS,):
        raise refused(path, f"'data' is no uint8 array of shape (n, {_PIXELS})")
    labels = content.get(label.key)
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    if not isinstance(labels, list) or not all(type(number) is int for number in labels):
        raise refused(path, f"{label.key!r} is no list of whole numbers")
    if len(labels) != len(images):
        raise refused(path, f"has {len(images)} images and {len(labels)} labels")
    return images, labels


def _joined(parts: list[Arrays]) -> Arrays:
    return Arrays(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _names(folder: Path, labels: str, count: int) -> list[str]:
    """The names of the classes, from the file of either form, if it is there."""
    key = f"{labels}_label_names"
    if (path := folder / "meta").exists():
        names = read_pickle(path, _MOST_WORDS).get(key)
    elif (path := folder / f"{key}.txt").exists():
        names = read_whole(path, _MOST_WORDS).decode("utf-8", "replace").split()
    else:
        return []
    if not _are_texts(names) or len(names) != count:
        raise refused(path, f"does not hold {count} names of classes as {key}")
    return [name.decode("latin-1") if isinstance(name, bytes) else name for name in names]


def _are_texts(names: Any) -> TypeGuard[list[str | bytes]]:
    return isinstance(names, list) and all(isinstance(name, (str, bytes)) for name in names)
