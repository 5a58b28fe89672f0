"""torch tensors made from whatever holds numbers, and NumPy arrays made from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphdiff.dtypes import DType, as_dtype
from graphdiff.errors import ArgumentError

Array = Any
_NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64".split()
TORCH: dict[str, torch.dtype] = {DType(name): getattr(torch, name) for name in _NAMES}
DTYPES: dict[torch.dtype, DType] = {dtype: DType(name) for name, dtype in TORCH.items()}


def asarray(value: Any, dtype: DType | None, device: torch.device, copy: bool) -> Array:
    """See :meth:`TorchBackend.asarray`."""
    if not isinstance(value, torch.Tensor):
        if not isinstance(value, np.ndarray) and hasattr(value, "__dlpack__"):
            value = _through_dlpack(value)
        if not isinstance(value, torch.Tensor):
            return _from_host(np.asarray(value), dtype, device, copy)
    if value.layout is not torch.strided or value.is_quantized:
        raise ArgumentError(
            f"a tensor of layout {value.layout} and type {value.dtype} is not a plain array",
            fix="call .to_dense() or .dequantize() on it",
        )
    wanted = as_dtype(value.dtype) if dtype is None else dtype
    as_dtype(value.dtype)  # complex numbers are refused, not cut to their real part
    # A conjugate's imaginary part is a view that is yet to be negated; NumPy cannot read one.
    return value.detach().resolve_neg().to(device=device, dtype=TORCH[wanted], copy=copy)


def _through_dlpack(value: Any) -> Any:
    """The array without a copy where both sides allow it, else what NumPy makes of it."""
    try:
        return torch.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError):
        return np.asarray(value)


def _from_host(array: np.ndarray[Any, Any], dtype: DType | None, device: torch.device, copy: bool) -> Array:
    own = as_dtype(array.dtype)
    wanted = own if dtype is None else dtype
    if own == "bfloat16":  # NumPy has it from other packages, torch does not take it from NumPy
        array = array.astype(np.float32)
    elif copy or not _shareable(array):
        # In C order even where the strides are not: a fresh array has no reason to be scattered.
        array = np.array(array, array.dtype.newbyteorder("="), order="C")
    # The view gives a dtype that NumPy has under two names (unsigned long long) the one that torch knows.
    return moved(torch.from_numpy(array.view(own.host)), device).to(TORCH[wanted])


def moved(host: Array, device: torch.device) -> Array:
    """A tensor of the host on a device.

    To CUDA it goes by way of memory that the device reads by itself, so the host need not wait and the copy
    overlaps with what is being computed.
    """
    if device.type == "cuda":
        return host.pin_memory().to(device, non_blocking=True)
    return host.to(device)


def _shareable(array: np.ndarray[Any, Any]) -> bool:
    """Whether torch can work in the memory of the array: it may be written to and steps forwards."""
    return (
        array.flags.writeable
        and array.dtype.isnative
        and all(s >= 0 and s % array.itemsize == 0 for s in array.strides)
    )


def scalar(value: float, dtype: DType, device: torch.device) -> Array:
    """A tensor of one Python number.

    Raises:
        OverflowError: an integer that the dtype cannot hold (a float becomes infinite).
        ValueError: NaN as an integer.
    """
    if dtype.is_integer:
        value = int(value)
        limits = torch.iinfo(TORCH[dtype])
        if not limits.min <= value <= limits.max:
            raise OverflowError(f"Python integer {value} out of bounds for {dtype}")
    elif dtype.is_floating:
        value = float(value)
    return torch.tensor(value, dtype=TORCH[dtype]).to(device)


def full(shape: tuple[int, ...], value: float, dtype: DType, device: torch.device) -> Array:
    """A tensor of one number, filled where it lives; errors are those of :func:`scalar`."""
    rounded = scalar(value, dtype, torch.device("cpu")).item()
    return torch.full(shape, rounded, dtype=TORCH[dtype], device=device)


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """See :meth:`TorchBackend.to_numpy`."""
    host = array.cpu()
    return (host.float() if host.dtype is torch.bfloat16 else host).numpy()  # type: ignore[no-any-return]


def wait(device: torch.device) -> None:
    """See :meth:`TorchBackend.wait`."""
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()
