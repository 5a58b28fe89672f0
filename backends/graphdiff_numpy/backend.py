"""NumPy arrays behind graphdiff's backend contract."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.backend import Backend
from graphdiff.dtypes import DType, as_dtype
from graphdiff.errors import ArgumentError
from graphdiff.graph import TensorSpec
from graphdiff_numpy.kernels import kernels

Array = Any


class NumpyBackend(Backend):
    """NumPy on the CPU. Results of no dimension may be NumPy scalars.

    Raises:
        ArgumentError: a device other than the CPU.
    """

    name = "numpy"

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise ArgumentError(
                f"the NumPy backend has no device {device!r}", fix='use "cpu", or the torch backend'
            )
        self.kernels = kernels()

    def is_array(self, value: Any) -> bool:
        return isinstance(value, (np.ndarray, np.generic))

    def asarray(self, value: Any, dtype: DType | None = None, *, copy: bool = False) -> Array:
        # Other libraries' arrays say how they become NumPy's; DLPack is the fallback for those on the host.
        if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            value = np.from_dlpack(value)
        array = np.array(value, copy=True if copy else None)
        wanted = as_dtype(array.dtype) if dtype is None else dtype
        return array.astype(str(wanted), copy=False)

    def to_numpy(self, array: Array) -> Any:
        return np.asarray(array)

    def spec(self, array: Array) -> TensorSpec:
        return TensorSpec(array.shape, array.dtype)
