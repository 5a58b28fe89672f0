"""Image files in a folder, one subfolder for each class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphdiff.arguments import check_flags, check_integers, path_of
from graphdiff.errors import ArgumentError, DataError
from graphdiff.train import Arrays, Dataset, hold_out
from graphdiff.train.data import Array
from graphdiff_data.files import refused, size_of

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = {  # those whose decoders run no other program
    "BMP": {".bmp"},
    "GIF": {".gif"},
    "JPEG": {".jpg", ".jpeg"},
    "PNG": {".png"},
    "PPM": {".pgm", ".ppm"},
    "TIFF": {".tif", ".tiff"},
    "WEBP": {".webp"},
}
_SUFFIXES = set().union(*_FORMATS.values())
_EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
_MOST_PIXELS = 50_000_000
_MOST_BYTES = 1 << 28


def image_folder(
    folder: str | Path, *, size: int, grey: bool = False, test_fraction: float = 0.25, seed: int = 0
) -> Dataset:
    """Images of ``folder/class/file``, brought to one size: the shorter side scaled, the middle cut out.

    BMP, GIF (its first picture), JPEG, PNG, PPM, TIFF and WebP, by content, turned upright as EXIF says. The
    classes are the subfolders in alphabetical order. With subfolders ``train`` and ``test``, and no others,
    these hold the classes and are the two parts; else the parts are drawn at random, classes in equal shares.
    Names that begin with a dot are passed over.

    Args:
        size: of the sides, in pixels.
        grey: one channel instead of three (red, green, blue).

    Returns:
        Inputs (n, 3, size, size), with ``grey`` (n, 1, size, size), uint8 from 0 to 255; labels (n,) int64.

    Raises:
        DataError: no such folder, no images, or a file that is no image, damaged, or too large.
        ArgumentError: a size below 1, or a fraction that leaves one part without a class.
    """
    check_integers(size=size)
    if size < 1:
        raise ArgumentError(f"size={size}", fix="give pixels, at least 1")
    check_flags(grey=grey)
    root = path_of(folder)
    if [path.name for path in _entries(root)] == ["test", "train"]:
        classes, train = _read(root / "train", size, grey)
        others, test = _read(root / "test", size, grey)
        if classes != others:
            raise DataError(
                f"{root}: train has the classes {classes}, test has {others}",
                fix="give both the same subfolders",
            )
        return Dataset(train, test, classes, f"Images of {root}")
    classes, data = _read(root, size, grey)
    return Dataset(*hold_out(data, test_fraction, seed=seed), classes, f"Images of {root}")


def _entries(folder: Path) -> list[Path]:
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: no such folder", fix="give a folder that has a subfolder for each class")
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _read(root: Path, size: int, grey: bool) -> tuple[list[str], Arrays]:
    files = [(path, label) for label, folder in enumerate(_entries(root)) for path in _entries(folder)]
    if not files:
        raise DataError(
            f"{root}: no images", fix="give a folder that has a subfolder of images for each class"
        )
    images = np.empty((len(files), 1 if grey else 3, size, size), np.uint8)
    for row, (path, _) in enumerate(files):
        images[row] = _pixels(path, size, grey)
    return [path.name for path in _entries(root)], Arrays(images, np.array([label for _, label in files]))


def _pixels(path: Path, size: int, grey: bool) -> Array:
    """
    Raises:
        DataError: not an image of the formats above with 8 bits a channel, damaged, or too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if path.suffix.lower() not in _SUFFIXES:
        raise refused(path, f"not one of {', '.join(sorted(_SUFFIXES))}")
    if size_of(path) > _MOST_BYTES:
        raise refused(path, f"over-long: more than {_MOST_BYTES:,} bytes")
    try:
        with Image.open(path, formats=list(_FORMATS)) as image:
            _check(path, image)
            upright = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
            return np.atleast_3d(np.asarray(ImageOps.fit(upright, (size, size)))).transpose(2, 0, 1)
    except DataError:
        raise
    except UnidentifiedImageError:
        raise refused(path, "not an image of the format that its name says, or damaged") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise refused(path, f"more than {_MOST_PIXELS:,} pixels") from None
    except Exception as problem:  # decoders have no common one
        raise refused(path, f"damaged: {problem}") from problem


def _check(path: Path, image: Image) -> None:
    if image.width * image.height > _MOST_PIXELS:
        raise refused(path, f"{image.width} × {image.height} pixels; at most {_MOST_PIXELS:,} are read")
    if image.mode not in _EIGHT_BITS:
        raise refused(path, f"pixels of the kind {image.mode!r}, not of 8 bits a channel")
