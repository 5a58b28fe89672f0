"""How much memory a process has used at most, in MiB."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_MIB = 2**20


def _status(field: str) -> float | None:
    """A figure of Linux's about this process; ``None`` elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), None)


def _most_resident() -> float | None:
    """The largest resident size since the process began; what other systems than Linux know."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / _MIB if sys.platform == "darwin" else most / 1024


class Memory:
    """Counts from when it is made: what was loaded before is no contestant's."""

    def __init__(self, device: str) -> None:
        self._cuda: Any = None
        if device == "cuda" and "torch" in sys.modules:
            import torch

            self._cuda = torch.cuda
        self._before = _status("VmRSS") or _most_resident() or 0.0

    def forget_peak(self) -> None:
        """Let the peak begin here: what compiling took is over."""
        with suppress(OSError):  # elsewhere it stays the peak of the whole process
            Path("/proc/self/clear_refs").write_text("5", "ascii")
        if self._cuda is not None:
            self._cuda.reset_peak_memory_stats()

    def peaks(self) -> dict[str, float]:
        """``peak_mib`` of the process, ``increase_mib`` over what it had at first, ``gpu_peak_mib``."""
        peak = _status("VmHWM") or _most_resident() or 0.0
        found = {"peak_mib": peak, "increase_mib": peak - self._before}
        if self._cuda is not None:
            found["gpu_peak_mib"] = self._cuda.max_memory_allocated() / _MIB
        return found
