"""State dicts in files: safetensors to write and read, torch's own to read.

Nothing in a file is ever executed: safetensors holds numbers alone, and a torch file is read with weights
only. A file is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.arguments import check_kind, is_dir, is_file, path_of, shown
from graphdiff.errors import ArgumentError, BackendError, StateError

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
    if not is_file(path):
        there = "is a folder, not a file" if is_dir(path) else "is no file"
        raise StateError(f"{shown(str(path))} {there}", fix="give the path of a .safetensors or .pth file")
    return _from_torch(path) if path.suffix in _TORCH else _from_safetensors(path)


def _from_safetensors(path: Path) -> State:
    from safetensors import SafetensorError, deserialize

    try:
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


def _from_torch(path: Path) -> State:
    try:
        import torch
    except ModuleNotFoundError:
        raise BackendError(
            f"{path} is a torch file, and torch is not installed", fix='pip install "graphdiff[torch]"'
        ) from None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # pickle's errors, zip's, torch's own
        why = str(problem).partition("\n")[0] or type(problem).__name__
        raise StateError(
            f"{path} is not a torch file of weights alone: {why}",
            fix="save the module's state_dict(), not the module",
        ) from None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise StateError(f"{path} holds no state dict", fix="save the module's state_dict()")
    return {name: _host(value) for name, value in found.items()}


def _host(value: Any) -> np.ndarray[Any, Any]:
    plain = value.detach().to_dense()
    return np.array((plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy())
