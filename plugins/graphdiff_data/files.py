"""Files from anywhere, read within bounds: never more memory than what is expected of them."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from graphdiff.arguments import path_of
from graphdiff.errors import DataError

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_MOST_DEFLATED = 1032  # bytes that one byte of a deflate stream can stand for


def find(folder: str | Path, what: str, names: list[str], within: Iterable[str] = ("",)) -> list[Path]:
    """The files of these names, all in the folder or all in one of its usual subfolders.

    Args:
        folder: where to look.
        what: the name of the data set.
        names: of its files; one may offer alternatives, as ``"images|images.gz"``.
        within: the subfolders.

    Raises:
        DataError: no such folder, or files missing; says which are expected.
    """
    root = path_of(folder)
    best: list[Path] = []
    for place in (root / inner for inner in within):
        found = [_first(place, name) for name in names]
        have = [path for path in found if path]
        if len(have) == len(names):
            return have
        best = max(best, have, key=len)
    state = "no such folder" if not os.path.isdir(folder) else f"{len(best)} of {len(names)} files of {what}"
    missing = [name for name in names if not any(path.name in name.split("|") for path in best)]
    raise DataError(
        f"{root}: {state}; missing: {', '.join(name.replace('|', ' or ') for name in missing)}",
        fix=f"put the published files of {what} there; graphdiff downloads nothing",
    )


def _first(place: Path, name: str) -> Path | None:
    return next((place / option for option in name.split("|") if os.path.exists(place / option)), None)


def size_of(path: Path) -> int:
    """
    Raises:
        DataError: not a regular file, or unreadable.
    """
    try:
        if path.is_file():
            return path.stat().st_size
    except OSError as problem:
        raise refused(path, str(problem)) from problem
    raise refused(path, "not a regular file")


def refused(path: Path, what: str) -> DataError:
    """The error for a file that is not what it should be."""
    return DataError(f"{path}: {what}", fix="replace the file by the published one")


def read_whole(path: Path, limit: int) -> bytes:
    """A file of at most so many bytes.

    Raises:
        DataError: more, or unreadable.
    """
    if size_of(path) > limit:
        raise refused(path, f"over-long: {size_of(path):,} bytes, and at most {limit:,} are expected")
    try:
        return path.read_bytes()
    except OSError as problem:
        raise refused(path, str(problem)) from problem


class Reader:
    """The content of a plain or gzip file, from the start, a declared number of bytes at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        size = size_of(path)
        try:
            self._file = path.open("rb")
            packed = self._file.read(2) == _GZIP
            self._file.seek(0)
        except OSError as problem:
            raise refused(path, str(problem)) from problem
        self._most = size * _MOST_DEFLATED if packed else size
        self._content = gzip.GzipFile(fileobj=self._file) if packed else self._file

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, count: int) -> bytearray:
        """Exactly so many bytes.

        Raises:
            DataError: the file ends before, could not hold so many, or its compression is damaged.
        """
        if count > self._most:
            raise refused(self.path, f"truncated: declares {count:,} bytes, and holds {self._most:,} at most")
        result = bytearray()
        while len(result) < count:
            part = self._next(min(_CHUNK, count - len(result)))
            if not part:
                raise refused(self.path, f"truncated: {len(result):,} of {count:,} bytes")
            result += part
        return result

    def end(self) -> None:
        """
        Raises:
            DataError: there is more in the file.
        """
        if self._next(1):
            raise refused(self.path, "over-long: holds more bytes than it declares")

    def _next(self, count: int) -> bytes:
        try:
            return self._content.read(count)
        except EOFError:
            raise refused(self.path, "truncated: its gzip stream breaks off") from None
        except (OSError, zlib.error) as problem:
            raise refused(self.path, f"damaged: {problem}") from problem
