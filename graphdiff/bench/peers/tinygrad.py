"""tinygrad: the whole step in one TinyJit, on its CPU device.

It compiles its kernels with clang. Where there is none, they come from its own x86 code generator, and the
C compiler at hand makes the few helper programs of its CPU device.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphdiff.bench.peers.networks import Array, Layers, is_trained, network
from graphdiff.bench.workloads import LR, MOMENTUM, Step, Training, UnavailableError

_AS_CLANG = """#!/bin/sh
# What clang is told, for a compiler without --target that cannot write to standard output.
out=$(mktemp)
for word do
    shift
    case $word in --target=* | -o) ;; *) set -- "$@" "$word" ;; esac
done
gcc "$@" -o "$out" && cat "$out"
code=$?
rm -f "$out"
exit $code
"""


def _without_clang() -> None:
    """Set tinygrad up for a machine that has gcc only.

    Raises:
        UnavailableError: it has neither.
    """
    if shutil.which("gcc") is None:
        raise UnavailableError("tinygrad needs clang, or gcc on x86")
    script = Path(tempfile.mkdtemp(prefix="graphdiff-bench-")) / "cc"
    script.write_text(_AS_CLANG, encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    os.environ["DEV"], os.environ["CC"] = "CPU:X86", str(script)


os.environ["DEV"] = "CPU"
if shutil.which("clang") is None:
    _without_clang()

from tinygrad import Context, Tensor, TinyJit, nn  # noqa: E402


class TinyLayers(Layers):
    def linear(self, name: str, x: Array) -> Array:
        return x.linear(self.weights[f"{name}.weight"].T, self.weights[f"{name}.bias"])

    def relu(self, x: Array) -> Array:
        return x.relu()

    def conv(self, name: str, x: Array, stride: int = 1, padding: int = 0) -> Array:
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        return x.conv2d(weight, bias, stride=stride, padding=padding)

    def max_pool(self, x: Array, window: int, stride: int, padding: int = 0) -> Array:
        return x.max_pool2d(window, stride, padding=padding)


def training_step(workload: Training, state: Mapping[str, Any], inputs: Any, labels: Any) -> Step:
    model = network(workload.network, "resnet18", "resnet20", "resnet50", "resnet152")
    params = {name: Tensor(value).realize() for name, value in state.items() if is_trained(name)}
    optimizer = nn.optim.SGD(list(params.values()), LR, MOMENTUM)
    x, y = Tensor(inputs).realize(), Tensor(labels).realize()

    @TinyJit
    def update(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = model(TinyLayers(params), x).sparse_categorical_crossentropy(y).backward()
        return loss.realize(*optimizer.schedule_step())

    def step() -> Any:
        with Context(TRAINING=1):
            return update(x, y)

    return step
