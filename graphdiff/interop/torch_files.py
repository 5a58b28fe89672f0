"""Files that torch wrote, read with weights only, and looked at before torch reads them.

torch's reader of weights executes nothing, but a file made for it can still end the process (a key that is a
tuple in a tuple in a tuple … overflows the stack when it is hashed), or take any time and memory (compressed
records, one number seen as many). So a file is read whose pickles are small and flat, and whose records hold
no more than the file does.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from graphdiff.errors import BackendError, StateError

_ZIP = b"PK\x03\x04"
_LEGACY_PICKLES = 5  # magic number, version, machine, state, storages
_MOST_STEPS, _LONGEST_NAME, _DEEPEST_TUPLE = 1_000_000, 1000, 50
_TUPLES = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3")
_MOST_SHARED = 16  # times the size of the file, of all values: tied weights are stored once


def read_torch(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The state dict in a file of ``torch.save``, of either form; bfloat16 comes as float32.

    Raises:
        StateError: a file that is damaged, or holds more than tensors by name.
        BackendError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise BackendError(
            f"{path} is a torch file, and torch is not installed", fix='pip install "graphdiff[torch]"'
        ) from None
    try:
        _check(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # pickle's errors, zip's, torch's own
        why = str(problem).partition("\n")[0][:200]
        raise StateError(
            f"{path} is not a torch file of weights alone: {why}",
            fix="save the module's state_dict(), not the module",
        ) from None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise StateError(f"{path} holds no state dict", fix="save the module's state_dict()")
    return _on_host(path, found)


def _on_host(path: Path, state: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    size, most = sum(v.numel() * v.element_size() for v in state.values()), path.stat().st_size * _MOST_SHARED
    try:
        if size > most:
            raise ValueError(f"its values take {size:,} bytes where the file can stand for {most:,}")
        if not all(isinstance(name, str) for name in state):
            raise TypeError("it has names that are no text")
        return {name: _array(value) for name, value in state.items()}
    except (TypeError, ValueError, RuntimeError) as problem:  # torch's, of a type that NumPy does not have
        raise StateError(
            f"{path} holds what is no plain array: {problem}", fix="save dense tensors of real numbers"
        ) from None


def _array(value: Any) -> np.ndarray[Any, Any]:
    plain = value.detach().to_dense()
    return np.array((plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy())


# Before torch reads it


def _check(path: Path) -> None:
    """
    Raises:
        ValueError: what torch should not be given. Others: what is no zip, or no pickle.
    """
    with path.open("rb") as file:
        packed = file.read(len(_ZIP)) == _ZIP
        file.seek(0)
        if packed:
            _check_records(file, path.stat().st_size)
        else:
            for _ in range(_LEGACY_PICKLES):
                _check_pickle(file)


def _check_records(file: IO[bytes], size: int) -> None:
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        if len({record.filename for record in records}) < len(records):
            raise ValueError("two of its records have one name")
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            raise ValueError("its records are compressed")
        if sum(record.file_size for record in records) > size:
            raise ValueError("its records are larger than the file")
        for record in records:
            if record.filename.endswith(".pkl"):
                _check_pickle(io.BytesIO(archive.read(record)))


def _check_pickle(file: IO[bytes]) -> None:
    """Reads to the end of one pickle, following how deep tuples lie in tuples on its stack."""
    depths: list[int] = []
    marks: list[int] = []
    memo: dict[Any, int] = {}
    for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if step >= _MOST_STEPS:
            raise ValueError(f"a pickle of more than {_MOST_STEPS:,} steps")
        if isinstance(argument, (str, bytes)) and len(argument) > _LONGEST_NAME:
            raise ValueError(f"a name of {len(argument):,} characters")
        if opcode.name == "MARK":
            marks.append(len(depths))
            continue
        before = opcode.stack_before
        marked = pickletools.markobject in before
        start = marks.pop() - before.index(pickletools.markobject) if marked else len(depths) - len(before)
        inside, depths[start:] = depths[start:], []
        depth = 1 + max(inside, default=0) if opcode.name in _TUPLES else 0
        if depth > _DEEPEST_TUPLE:
            raise ValueError(f"tuples more than {_DEEPEST_TUPLE} deep in one another")
        depths += [memo.get(argument, 0) if opcode.name.endswith("GET") else depth] * len(opcode.stack_after)
        if opcode.name.endswith("PUT"):
            memo[argument] = depths[-1]
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = depths[-1]
