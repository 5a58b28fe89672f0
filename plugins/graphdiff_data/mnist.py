"""MNIST, and what comes in its form (Fashion-MNIST, KMNIST): grey images of 28×28 pixels, ten classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphdiff.train import Arrays, Dataset
from graphdiff_data.files import find, refused
from graphdiff_data.idx import read_idx

_SIDE, _CLASSES = 28, 10


def mnist(folder: str | Path) -> Dataset:
    """The four IDX files of MNIST, plain or with ``.gz``, read from a local folder.

    ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``,
    ``t10k-labels-idx1-ubyte``.

    Returns:
        Inputs (n, 1, 28, 28) uint8 from 0 to 255; labels (n,) int64.

    Raises:
        DataError: files that are missing, damaged, or of something else.
    """
    names = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    paths = find(folder, "MNIST", [f"{name}|{name}.gz" for name in names])
    train, test = _part(*paths[:2]), _part(*paths[2:])
    return Dataset(train, test, list("0123456789"), "Handwritten digits, 28×28 pixels (MNIST's form)")


def _part(images_path: Path, labels_path: Path) -> Arrays:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.shape[1:] != (_SIDE, _SIDE) or not len(images):
        raise refused(images_path, f"{images.dtype} of shape {images.shape}, not uint8 (n, {_SIDE}, {_SIDE})")
    if labels.dtype != np.uint8 or labels.shape != (len(images),):
        raise refused(
            labels_path,
            f"{labels.dtype} of shape {labels.shape}, not a uint8 for each of {len(images)} images",
        )
    if labels.max() >= _CLASSES:
        raise refused(labels_path, f"has the label {labels.max()}; 0 to {_CLASSES - 1} are expected")
    return Arrays(images[:, None], labels.astype(np.int64))
