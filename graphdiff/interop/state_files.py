"""State dicts in files: safetensors to write and read, torch's own to read.

Nothing in a file is ever executed: safetensors holds numbers alone, and a torch file is read with weights
only (:mod:`graphdiff.interop.torch_files`). A file is written beside its place and moved there when it is
whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.arguments import check_kind, path_of, shown
from graphdiff.errors import ArgumentError, StateError
from graphdiff.interop.torch_files import read_torch

State = dict[str, np.ndarray[Any, Any]]
_TORCH = (".pt", ".pth", ".bin")


def save_state(
    path: str | Path, state: Mapping[str, Any], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a state dict as a safetensors file; one that was there stays whole until the new one is.

    Args:
        state: name -> array or tensor.
        metadata: texts to keep with it.

    Raises:
        ArgumentError: a name that is not ``.safetensors``. StateError: a folder that cannot be written to,
            or values of a type that the format does not know.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save

    path = path_of(path)
    check_kind("state", state, Mapping, "give a dict of name -> array")
    if path.suffix != ".safetensors":
        raise ArgumentError(f"{path} is no safetensors file by its name", fix="call it ….safetensors")
    try:
        arrays = {name: np.asarray(value, order="C") for name, value in state.items()}
        content = save(arrays, None if metadata is None else dict(metadata))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise StateError(f"{path}: a value has no form in the file: {problem}", fix="give arrays") from None
    write_whole(path, content)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that at every moment there is the old one or the new one, on the disk too.

    Raises:
        StateError: the folder cannot be written to, or is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except (OSError, ValueError) as problem:  # a name with a null character, or of no encoding
        with contextlib.suppress(OSError, ValueError):
            beside.unlink()
        raise StateError(
            f"{path} cannot be written: {getattr(problem, 'strerror', problem)}",
            fix="give a folder that exists and has room",
        ) from None


def drop_unfinished(folder: Path, name: str) -> None:
    """Remove what processes that were killed left of a file, or of files that fit a pattern; for a folder
    that no other process writes to."""
    for left in folder.glob(f".{name}.*"):
        left.unlink(missing_ok=True)


def load_state(path: str | Path) -> State:
    """The arrays of a state file: safetensors, or torch's (``.pt``, ``.pth``, ``.bin``), which needs torch.

    bfloat16 comes as float32. A torch file may hold the state dict under the key "state_dict".

    Raises:
        StateError: no such file, one that is truncated or damaged, or one that holds more than arrays.
        BackendError: torch is not installed.
    """
    path = path_of(path)
    if not os.path.isfile(path):
        name = shown(str(path))
        what = f"{name} is a folder, not a file" if os.path.isdir(path) else f"there is no file {name}"
        raise StateError(what, fix="give the path of a .safetensors or .pth file")
    try:
        return read_torch(path) if path.suffix in _TORCH else _from_safetensors(path)
    except MemoryError:
        raise StateError(f"{path} does not fit into memory", fix="load it on a larger machine") from None


def _from_safetensors(path: Path) -> State:
    from safetensors import SafetensorError, deserialize, safe_open

    try:
        with safe_open(path, "np"):  # fails unless the file is as long as its head says
            pass
        return {name: _array(**entry) for name, entry in deserialize(path.read_bytes())}  # type: ignore[no-untyped-call]
    except (SafetensorError, OSError, ValueError, KeyError) as problem:
        raise StateError(
            f"{path} is not a whole safetensors file: {problem}", fix="copy or download it again"
        ) from None


_DTYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip


def _array(dtype: str, shape: list[int], data: bytes) -> np.ndarray[Any, Any]:
    if dtype == "BF16":  # the upper half of a float32
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(shape)
    if dtype not in _DTYPES:
        raise ValueError(f"type {dtype} is not supported")
    return np.frombuffer(data, np.dtype(_DTYPES[dtype]).newbyteorder("<")).reshape(shape)
