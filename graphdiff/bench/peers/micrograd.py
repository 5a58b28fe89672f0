"""micrograd: single numbers in Python objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from micrograd.engine import Value

from graphdiff.bench.workloads import LR, Scalars, Step


def scalar_step(workload: Scalars, leaves: list[float]) -> Step:
    values = [Value(v) for v in leaves]

    def step() -> Any:
        for value in values:
            value.grad = 0
        loss = workload.loss(values, Value.relu)
        loss.backward()
        for value in values:
            value.data -= LR * value.grad
        return np.float64(loss.data)

    return step
