"""torch tensors behind graphdiff's backend contract."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.backend import Backend, Joint
from graphdiff.dtypes import DType
from graphdiff.errors import BackendError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.kernels import Kernels
from graphdiff.processes import ALONE, Processes, computed_apart

if TYPE_CHECKING:
    from graphdiff.compile.executable import Executable
    from graphdiff.compile.program import Program

Array = Any
_MOST_CONSTANTS = 4096
_WORKSPACES = (":4096:8", ":16:8")


class TorchBackend(Backend):
    """torch on one device. torch's autograd takes no part: no array here requires a gradient.

    Results of no dimension are tensors. A softmax over an element +∞ is NaN throughout. What torch does not
    compute in a dtype (most of arithmetic in uint16, uint32 and uint64) is a :class:`BackendError`.

    An index or a label out of range is an error on the CPU. On CUDA looking at labels would stop the
    whole queue at every step, so the rows of ``one_hot`` and the losses of labels out of range are NaN.

    Args:
        device: ``"cpu"``, ``"cuda"`` (the current one), ``"cuda:1"`` or ``"mps"`` (which has no float64).
        tf32: whether float32 products and convolutions on CUDA may round their operands to TF32, with 10
            bits after the point: much faster, errors near 1e-3.
        deterministic: whether equal inputs give equal results to the last bit, run by run. Some kernels are
            slower then, and those that cannot do it raise. In "auto" mode a compiled function then runs
            as "aten", and no memory layouts are tried: in which a product rounds how is otherwise found out
            anew, by time.

    Both choices hold for this backend's own kernels, and for compiled programs as a whole; torch's settings
    are put back after each call. They are settings of the process, so threads of different choices must not
    run at the same time.

    Compiled functions run in one of these modes:

    - ``"aten"``: straight-line calls of torch without its autograd, in the faster of two memory layouts,
      which the first calls find out. Parameters and velocities of SGD are updated in place unless somebody
      else holds the tensor, a view of it or its memory.
    - ``"inductor"``: through torch's compiler, which takes seconds to minutes at the first call, and on the
      CPU needs a C++ compiler. Labels out of range give NaN, as on CUDA.
    - ``"cudagraphs"``: recorded once for each combination of shapes, and replayed. On CUDA alone.
    - ``"auto"``: the fastest of aten and, on CUDA, cudagraphs, by the time that the first calls take
      (``GRAPHDIFF_LOG=compile`` tells). Inductor is used by name alone, because compiling may take longer
      than the run.

    Raises:
        BackendError: torch is not installed, it knows no such device, or has none here.
    """

    name = "torch"
    modes = ("auto", "aten", "inductor", "cudagraphs")

    def __init__(self, device: str = "cpu", *, tf32: bool = False, deterministic: bool = False) -> None:
        arrays, kernels, devices, collective = _torch_side()
        self._arrays = arrays
        self._collective = collective
        self._place = devices.resolve(device)
        self.device = str(self._place)
        self.options = {"tf32": tf32, "deterministic": deterministic}
        self._constants: dict[Any, Array] = {}
        on_cuda = self._place.type == "cuda"
        if deterministic and on_cuda and os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in _WORKSPACES:
            raise BackendError(
                "deterministic products on CUDA need a fixed workspace",
                fix=f"set the environment variable CUBLAS_WORKSPACE_CONFIG={_WORKSPACES[0]} before starting",
            )
        self.settings = devices.Settings(tf32=tf32 if on_cuda else None, deterministic=deterministic)
        self._bare = kernels.kernels()
        self._built_in = kernels.under(self.settings, self._bare)
        self._joints = kernels.JOINTS
        self.kernels = dict(self._built_in)

    @property
    def untouched(self) -> Kernels:
        """The built-in kernels that nobody has replaced, under torch's settings as they are."""
        return {n: self._bare[n] for n, kernel in self._built_in.items() if self.kernels.get(n) is kernel}

    @property
    def joints(self) -> Sequence[Joint]:
        known = self.untouched.keys()
        return [
            replace(joint, kernel=self.settings.around(joint.kernel))
            for joint in self._joints
            if joint.members.keys() <= known
        ]

    @property
    def processes(self) -> Processes:
        return ALONE if computed_apart() else self._collective.processes(self._place)

    def wait(self) -> None:
        """Return when the device has done all that it was given."""
        self._arrays.wait(self._place)

    def lower(self, program: Program, mode: str) -> Executable:
        from graphdiff_torch.lowering import lower

        return lower(program, self, mode)

    def asarray(self, value: Any, dtype: DType | None = None, *, copy: bool = False) -> Array:
        """An array from a torch tensor, an array of any library, nested lists or a scalar.

        Values move between devices as needed. A torch tensor that requires a gradient is detached: its
        values are taken, torch's graph stays behind. Memory is shared where it can be, unless ``copy``
        says otherwise; arrays that torch cannot share (read-only, reversed, of foreign byte order) are
        copied.

        Raises:
            DTypeError: values that are no numbers, or complex. OverflowError: a scalar outside the dtype.
            ArgumentError: a sparse or quantised tensor.
        """
        if dtype is not None and not copy and isinstance(value, (int, float)):
            return self._constant(value, dtype)
        return self._arrays.asarray(value, dtype, self._place, copy)

    def _constant(self, value: float, dtype: DType) -> Array:
        """A scalar made once: the same few constants stand in every step of a loop."""
        key = (value or str(value), dtype)  # 0.0 and −0.0 are equal and not the same
        found = self._constants.get(key)
        if found is None:
            if len(self._constants) >= _MOST_CONSTANTS:
                self._constants.clear()
            found = self._constants[key] = self._arrays.scalar(value, dtype, self._place)
        return found

    def full(self, shape: Shape, value: float, dtype: DType) -> Array:
        return self._arrays.full(shape, value, dtype, self._place)

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        """The values on the host, sharing memory on the CPU; bfloat16, which NumPy lacks, as float32."""
        return self._arrays.to_numpy(array)  # type: ignore[no-any-return]

    def spec(self, array: Array) -> TensorSpec:
        return TensorSpec(array.shape, self._arrays.DTYPES[array.dtype])


def _torch_side() -> tuple[Any, Any, Any, Any]:
    """What needs torch: conversions, kernels, devices, other processes."""
    try:
        from graphdiff_torch import arrays, devices, kernels
        from graphdiff_torch.kernels import collective
    except ModuleNotFoundError as problem:
        if problem.name != "torch":
            raise
        raise BackendError("torch is not installed", fix='pip install "graphdiff[torch]"') from None
    return arrays, kernels, devices, collective
