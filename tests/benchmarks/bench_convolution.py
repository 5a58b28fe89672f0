"""NumPy's convolution and pooling kernels against torch's on the CPU, on the shapes of the usual networks.

    python tests/benchmarks/bench_convolution.py --threads 2 --json convolution.json

Both sides compute the same from the same arrays, which is checked first; then they are timed in turn,
A B A B …, after a warm-up. The ratio is that of the medians: below 1, NumPy is faster.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# images, channels, side, filters, kernel, stride, padding
CONVOLUTIONS = [
    (64, 3, 32, 64, 3, 1, 1),
    (64, 64, 32, 64, 3, 1, 1),
    (64, 64, 16, 64, 3, 1, 1),
    (64, 64, 32, 128, 3, 2, 1),
    (64, 512, 4, 512, 3, 1, 1),
    (64, 1, 28, 6, 5, 1, 0),
    (4, 3, 224, 64, 7, 2, 3),
]
# images, channels, side, window, stride, padding
POOLINGS = [(64, 64, 32, 2, 2, 0), (64, 6, 28, 2, 2, 0), (16, 64, 55, 3, 2, 0), (4, 64, 112, 3, 2, 1)]
TARGETS = {"convolution": 1.5, "pooling forward": 0.5, "pooling backward": 2.0}
MEAN_TARGET = 1.25


@dataclass(frozen=True)
class Row:
    """One kernel on one shape; times in milliseconds, medians and quartiles."""

    family: str
    shape: str
    kernel: str
    ours: float
    ours_quartiles: tuple[float, float]
    torch: float
    torch_quartiles: tuple[float, float]

    @property
    def ratio(self) -> float:
        return self.ours / self.torch

    @property
    def met(self) -> bool:
        return self.family not in TARGETS or self.ratio <= TARGETS[self.family]


def timed(
    ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of both, taken in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for k in range(repeats + 2):
        for call, into in ((ours, times[0]), (theirs, times[1])):
            start = time.perf_counter()
            call()
            if k >= 2:
                into.append(1e3 * (time.perf_counter() - start))
    return times


def measured(
    family: str, shape: str, kernel: str, ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int
) -> Row:
    import numpy as np

    expected = theirs().numpy()
    scale = float(np.abs(expected).max()) or 1.0
    np.testing.assert_allclose(ours() / scale, expected / scale, atol=1e-4, err_msg=f"{kernel} {shape}")
    mine, others = timed(ours, theirs, repeats)
    return Row(family, shape, kernel, *_summary(mine), *_summary(others))


def _summary(times: list[float]) -> tuple[float, tuple[float, float]]:
    low, middle, high = statistics.quantiles(times, n=4)
    return middle, (low, high)


def convolution(case: tuple[int, ...], kernels: Any, repeats: int) -> list[Row]:
    import torch

    n, c, side, o, k, s, p = case
    x, w = torch.randn(n, c, side, side), torch.randn(o, c, k, k)
    g = torch.randn_like(torch.nn.functional.conv2d(x, w, stride=s, padding=p))
    xn, wn, gn = x.numpy(), w.numpy(), g.numpy()
    params = {"stride": (s, s), "padding": ((p, p), (p, p)), "dilation": (1, 1), "groups": 1}

    def backward(which: int) -> Any:
        wanted = [which == 0, which == 1, False]
        return torch.ops.aten.convolution_backward(
            g, x, w, None, [s, s], [p, p], [1, 1], False, [0, 0], 1, wanted
        )[which]

    pairs = {
        "forward": (
            lambda: kernels["conv2d"](xn, wn, **params),
            lambda: torch.nn.functional.conv2d(x, w, stride=s, padding=p),
        ),
        "input gradient": (
            lambda: kernels["conv2d_input_grad"](gn, wn, input_shape=xn.shape, **params),
            lambda: backward(0),
        ),
        "weight gradient": (
            lambda: kernels["conv2d_weight_grad"](xn, gn, weight_shape=wn.shape, **params),
            lambda: backward(1),
        ),
    }
    shape = f"{c}×{side}×{side}→{o} k{k}" + (f" stride {s}" if s > 1 else "") + f", batch {n}"
    return [measured("convolution", shape, name, *pair, repeats) for name, pair in pairs.items()]


def pooling(case: tuple[int, ...], kernels: Any, repeats: int) -> list[Row]:
    """The gradient is timed with the winners known, as torch has them from its forward pass, and with the
    search for them, which NumPy leaves to the backward pass; so the step as a whole is timed too."""
    import torch

    n, c, side, k, s, p = case
    x = torch.randn(n, c, side, side)
    out, index = torch.nn.functional.max_pool2d(x, k, s, p, return_indices=True)
    g = torch.randn_like(out)
    xn, gn, winners = x.numpy(), g.numpy(), index.numpy()
    params = {"window": (k, k), "stride": (s, s), "padding": ((p, p), (p, p)), "dilation": (1, 1)}

    def forward() -> Any:
        return kernels["max_pool2d"](xn, **params)

    def backward(winners: Any = winners) -> Any:
        return kernels["window_scatter"](gn, winners, shape=(side, side))

    def search() -> Any:
        return backward(kernels["window_argmax"](xn, **params))

    def torch_forward() -> Any:
        return torch.nn.functional.max_pool2d(x, k, s, p)

    def torch_backward() -> Any:
        return torch.ops.aten.max_pool2d_with_indices_backward(
            g, x, [k, k], [s, s], [p, p], [1, 1], False, index
        )

    shape = f"{c}×{side}×{side} window {k} stride {s}, batch {n}"
    return [
        measured(family, shape, name, ours, theirs, repeats)
        for family, name, ours, theirs in (
            ("pooling forward", "forward", forward, torch_forward),
            ("pooling scatter", "backward, winners known", backward, torch_backward),
            ("pooling backward", "backward, winners sought", search, torch_backward),
            (
                "pooling step",
                "forward and backward",
                lambda: (forward(), search())[1],
                lambda: (torch_forward(), torch_backward())[1],
            ),
        )
    ]


def geometric_mean(ratios: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, ratios)))


def machine() -> dict[str, Any]:
    import numpy as np
    import threadpoolctl  # type: ignore[import-untyped]
    import torch

    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": [
            {key: lib.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
            for lib in threadpoolctl.threadpool_info()
        ],
        "torch": torch.__version__,
        "torch cpu": torch.backends.cpu.get_cpu_capability(),
    }


def report(rows: list[Row], about: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("shape", "kernel", "NumPy ms", "torch ms", "ratio", "target", title=f"{about['cpu']}")
    for row in rows:
        target = TARGETS.get(row.family)
        said = "" if target is None else f"≤ {target:g} {'met' if row.met else 'missed'}"
        table.add_row(row.shape, row.kernel, f"{row.ours:.2f}", f"{row.torch:.2f}", f"{row.ratio:.2f}", said)
    console = Console(width=120)
    console.print(table)
    for family in dict.fromkeys(row.family for row in rows):
        mean = geometric_mean([row.ratio for row in rows if row.family == family])
        goal = f" (target ≤ {MEAN_TARGET})" if family == "convolution" else ""
        console.print(f"{family}: geometric mean {mean:.2f}{goal}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    if "numpy" in sys.modules:
        parser.error("numpy is loaded already: its threads can no longer be set")
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    import torch

    import graphdiff as gd

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    kernels = gd.tensor(0.0).backend.kernels
    about = {**machine(), "threads": options.threads, "repeats": options.repeats}
    rows = [row for case in CONVOLUTIONS for row in convolution(case, kernels, options.repeats)]
    rows += [row for case in POOLINGS for row in pooling(case, kernels, options.repeats)]
    report(rows, about)
    if options.json:
        figures = [{**asdict(row), "ratio": row.ratio, "met": row.met} for row in rows]
        options.json.write_text(json.dumps({"machine": about, "rows": figures}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
