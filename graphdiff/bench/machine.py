"""What a measurement ran on, and how its processes are kept to a number of threads."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

THREADS = 2
_POOLS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUM_CPU_THREADS",  # tinygrad
    "NPROC",  # XLA
)
_PACKAGES = "numpy scipy torch jax autograd mygrad tinygrad micrograd numba numexpr".split()


def environment(device: str = "cpu") -> dict[str, str]:
    """Variables for a contestant's process: the threads pinned, BLAS free to choose its kernels.

    Contestants on a GPU have all cores: there they only compile on them.
    """
    own = {"DEV": "CPU"}  # tinygrad's device, unless it is set
    own |= {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    return own if device != "cpu" else own | dict.fromkeys(_POOLS, str(THREADS))


def pin_cores(pid: int) -> None:
    """Let a process use as many cores as it has threads, where the system can: some count cores instead."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, sorted(os.sched_getaffinity(0))[:THREADS])


def description(gpu: bool) -> dict[str, Any]:
    """Processor, cores, memory, system, versions, BLAS and, if asked for, the GPU."""
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": THREADS,
        "memory_gib": _memory_gib(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "blas": _blas(),
        "versions": _versions(),
    }
    return about | ({"gpu": _gpu()} if gpu else {})


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _blas() -> list[str]:
    import numpy  # noqa: F401
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    return [
        f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}".strip()
        for lib in threadpool_info()
        if lib["user_api"] == "blas"
    ]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "none found by nvidia-smi"
