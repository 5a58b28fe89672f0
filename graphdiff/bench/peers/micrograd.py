"""micrograd: single numbers in Python objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from micrograd.engine import Value

from graphdiff.bench.workloads import Scalars, Step


def scalar_step(workload: Scalars, leaves: list[float]) -> Step:
    values = [Value(v) for v in leaves]

    def step() -> Any:
        for value in values:
            value.grad = 0
        loss = workload.loss(values, Value.relu)
        loss.backward()
        return np.float64(sum((value.grad for value in values), loss.data))

    return step
