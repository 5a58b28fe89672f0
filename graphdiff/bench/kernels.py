"""NumPy's convolution and pooling kernels against torch's on the CPU, on the shapes of the usual networks.

Both sides compute the same from the same numbers, which is checked first; then they are timed in turns of a
few calls, A B A B …, each with a warm-up and after a pause, in which the other side's threads stop waiting
for work. The ratio is the median of the calls': below 1, NumPy is faster. NumPy's arrays lie in memory as
they do inside a network, with the batch innermost; torch's lie as torch has them by default.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from graphdiff.backend import get_backend
from graphdiff.bench.figures import Spread
from graphdiff.bench.machine import environment
from graphdiff.errors import BackendError

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
_PAUSE, _TURN = 0.05, 3  # seconds before each turn, and its calls

Row = dict[str, Any]
Call = Callable[[], Any]


def bench_kernels(repeats: int = 15) -> list[Row]:
    """All kernels, in a process of their own with the threads pinned.

    Returns:
        Rows of ``family``, ``shape``, ``kernel``, the medians ``ours_ms`` and ``torch_ms``, and ``ratio``
        between its quartiles ``ratio_low`` and ``ratio_high``.

    Raises:
        BackendError: torch is not installed, or a kernel's result is not torch's.
    """
    command = [sys.executable, "-m", __name__, str(repeats)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise BackendError(f"the kernels were not measured: {done.stderr.strip().splitlines()[-1]}")
    rows: list[Row] = json.loads(done.stdout)
    return rows


def _timed(ours: Call, theirs: Call, repeats: int) -> tuple[list[float], list[float]]:
    """Milliseconds of both, taken in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    while len(times[1]) < repeats:
        for call, into in ((ours, times[0]), (theirs, times[1])):
            time.sleep(_PAUSE)
            call()
            for _ in range(_TURN):
                start = time.perf_counter()
                call()
                into.append(1e3 * (time.perf_counter() - start))
    return times


def as_in_networks(t: Any) -> Any:
    """A tensor's numbers as a NumPy array with the batch innermost in memory."""
    import numpy as np

    return np.ascontiguousarray(t.numpy().transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)


def measured(family: str, shape: str, kernel: str, ours: Call, theirs: Call, repeats: int) -> Row:
    """One kernel on one shape."""
    import numpy as np

    expected = theirs().numpy()
    scale = float(np.abs(expected).max()) or 1.0
    np.testing.assert_allclose(ours() / scale, expected / scale, atol=1e-4, err_msg=f"{kernel} {shape}")
    mine, others = _timed(ours, theirs, repeats)
    ratio = Spread.of([a / b for a, b in zip(mine, others, strict=True)])
    return {
        "family": family,
        "shape": shape,
        "kernel": kernel,
        "ours_ms": statistics.median(mine),
        "torch_ms": statistics.median(others),
        "ratio_low": ratio.low,
        "ratio": ratio.median,
        "ratio_high": ratio.high,
    }


def convolution(case: tuple[int, ...], kernels: Any, repeats: int) -> list[Row]:
    """Forward, input gradient and weight gradient."""
    import torch

    n, c, side, o, k, s, p = case
    x, w = torch.randn(n, c, side, side), torch.randn(o, c, k, k)
    g = torch.randn_like(torch.nn.functional.conv2d(x, w, stride=s, padding=p))
    xn, wn, gn = as_in_networks(x), w.numpy(), as_in_networks(g)
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
    """As a compiled step has it: maxima and winners in one pass, gradients added where the winners were.
    Eager gradients seek the winners first, which takes as long as the pass forward once more."""
    import torch

    joint = next(j for j in get_backend("numpy").joints if "window_argmax" in j.members).kernel

    n, c, side, k, s, p = case
    x = torch.randn(n, c, side, side)
    out, index = torch.nn.functional.max_pool2d(x, k, s, p, return_indices=True)
    g = torch.randn_like(out)
    xn, gn, winners = map(as_in_networks, (x, g, index))
    params = {"window": (k, k), "stride": (s, s), "padding": ((p, p), (p, p)), "dilation": (1, 1)}

    def backward() -> Any:
        return kernels["window_scatter"](gn, winners, shape=(side, side))

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
            ("pooling alone", "forward", lambda: kernels["max_pool2d"](xn, **params), torch_forward),
            ("pooling forward", "forward, and winners", lambda: joint(xn, **params)[0], torch_forward),
            ("pooling backward", "backward", backward, torch_backward),
        )
    ]


def main(repeats: int) -> None:
    """Measure here, and write the rows to standard output as JSON."""
    import torch

    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    kernels = get_backend("numpy").kernels
    rows = [row for case in CONVOLUTIONS for row in convolution(case, kernels, repeats)]
    rows += [row for case in POOLINGS for row in pooling(case, kernels, repeats)]
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
