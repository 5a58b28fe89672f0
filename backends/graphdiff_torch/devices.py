"""Where tensors live, and what torch's settings are while a kernel runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch

from graphdiff.errors import BackendError
from graphdiff.processes import launched

Array = Any


def resolve(device: str) -> torch.device:
    """The device that a name means, with its number for CUDA.

    Raises:
        BackendError: torch does not know it, or there is none here.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        found = None
    if found is None or found.type not in ("cpu", "cuda", "mps"):
        raise BackendError(f"the torch backend has no device {device!r}", fix='use "cpu", "cuda" or "mps"')
    if found.type == "cpu":
        return torch.device("cpu")
    if found.type == "mps":
        if not torch.backends.mps.is_available():
            raise BackendError("MPS is not available here", fix='use device="cpu"')
        return torch.device("mps")
    return _cuda(found)


def _cuda(device: torch.device) -> torch.device:
    if not torch.cuda.is_available():
        why = "this build of torch has no CUDA" if torch.version.cuda is None else "torch finds no GPU"
        raise BackendError(
            f"CUDA is not available: {why}",
            fix='use device="cpu", or install a CUDA build of torch on a machine with a GPU and its driver',
        )
    index = _own() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise BackendError(
            f"there is no device 'cuda:{index}', only {torch.cuda.device_count()} of them",
            fix="count from cuda:0",
        )
    return torch.device("cuda", index)


def _own() -> int:
    """The current GPU; of several processes on a machine, each takes the one of its number."""
    if "LOCAL_RANK" in os.environ and launched() > 1:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return int(torch.cuda.current_device())


class Settings:
    """torch's settings of the process, made ours for the time of one kernel or one program.

    Args:
        tf32: whether CUDA may round float32 operands to TF32; ``None`` leaves that as it is.
        deterministic: whether only deterministic kernels may run.
    """

    def __init__(self, *, tf32: bool | None, deterministic: bool) -> None:
        self.tf32 = tf32
        self.deterministic = deterministic

    @property
    def needed(self) -> bool:
        return self.tf32 is not None or self.deterministic

    def around(self, kernel: Callable[..., Array]) -> Callable[..., Array]:
        """The kernel, with these settings while it runs."""
        if not self.needed:
            return kernel

        def run(*arrays: Array, **params: Any) -> Array:
            before = _state()
            products, convolutions = before[:2] if self.tf32 is None else (self.tf32, self.tf32)
            wanted = (products, convolutions, self.deterministic or before[2])
            if wanted == before:
                return kernel(*arrays, **params)
            _set(*wanted)
            try:
                return kernel(*arrays, **params)
            finally:
                _set(*before)

        return run


def _state() -> tuple[bool, bool, bool]:
    """TF32 in products, TF32 in convolutions, and determinism, as they are now."""
    # torch 2.9 has a second way to choose the precision, and refuses to read the first once that was used.
    precision = getattr(torch.backends.cuda.matmul, "fp32_precision", None)
    products = torch.backends.cuda.matmul.allow_tf32 if precision is None else precision == "tf32"
    return products, torch.backends.cudnn.allow_tf32, torch.are_deterministic_algorithms_enabled()


def _set(products: bool, convolutions: bool, deterministic: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.use_deterministic_algorithms(deterministic)
