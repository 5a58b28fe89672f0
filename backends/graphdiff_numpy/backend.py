"""NumPy arrays behind graphdiff's backend contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from graphdiff.backend import Backend, Joint, Kernel
from graphdiff.compile.executable import Executable
from graphdiff.compile.program import Program
from graphdiff.dtypes import DType, as_dtype
from graphdiff.errors import ArgumentError, DTypeError
from graphdiff.graph import TensorSpec
from graphdiff_numpy import normalization
from graphdiff_numpy.kernels import BARE, kernels
from graphdiff_numpy.lowering import Lowered
from graphdiff_numpy.pooling import max_and_argmax

Array = Any
_SCALARS = {
    DType(name): np.dtype(name).type
    for name in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
}

_JOINTS = (
    Joint({"max_pool2d": "x", "window_argmax": "x"}, max_and_argmax),
    Joint({"batch_norm_input_grad": "gxw", "batch_norm_weight_grad": "gx"}, normalization.gradients),
)


class NumpyBackend(Backend):
    """NumPy on the CPU. Values of no dimension may be NumPy scalars.

    Raises:
        ArgumentError: a device other than the CPU. DTypeError, where an array is made: bfloat16.
    """

    name = "numpy"

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise ArgumentError(
                f"the NumPy backend has no device {device!r}", fix='use "cpu", or the torch backend'
            )
        self.kernels = kernels()
        self._joints: Sequence[Joint] = _JOINTS
        self.built_in = dict(self.kernels)  # those of them that nobody replaced have raw forms

    @property
    def joints(self) -> Sequence[Joint]:
        kept = {name for name, kernel in self.built_in.items() if self.kernels.get(name) is kernel}
        return [joint for joint in self._joints if joint.members.keys() <= kept]

    def asarray(self, value: Any, dtype: DType | None = None, *, copy: bool = False) -> Array:
        if dtype is not None and dtype not in _SCALARS:  # NumPy may know it, from another library's import
            raise DTypeError(f"the NumPy backend has no {dtype}", fix="use float32, or the torch backend")
        if dtype is not None and isinstance(value, (int, float)):
            return _SCALARS[dtype](value)
        # Other libraries' arrays say how they become NumPy's; DLPack is the fallback for those on the host.
        if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            value = np.from_dlpack(value)
        array = np.asarray(value)
        wanted = as_dtype(array.dtype) if dtype is None else dtype
        array = array.astype(str(wanted), copy=copy)
        return array if array.ndim else array[()]  # arithmetic on a scalar is many times cheaper

    def to_numpy(self, array: Array) -> Any:
        return np.asarray(array)

    def quiet(self) -> AbstractContextManager[Any]:
        return np.errstate(all="ignore")

    def bare_kernels(self) -> Mapping[str, Kernel]:
        own = self.built_in.items()
        return dict(self.kernels) | {name: BARE[name] for name, k in own if self.kernels.get(name) is k}

    def lower(self, program: Program, mode: str) -> Executable:
        return Lowered(program, self)

    def spec(self, array: Array) -> TensorSpec:
        return TensorSpec(array.shape, array.dtype)
