"""Where numbers went bad: the first node of a computation whose value is NaN or infinite."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from graphdiff import source
from graphdiff.autodiff.walk import ancestors
from graphdiff.context import recording
from graphdiff.tensor import Tensor


def is_finite(t: Tensor) -> bool:
    """Whether all values are finite; integers always are."""
    return not t.dtype.is_floating or bool(np.isfinite(t.numpy()).all())


def first_bad(nodes: Iterable[Tensor]) -> Tensor | None:
    """The first of the nodes, in the order in which they were computed, that is not finite."""
    return next((t for t in nodes if not is_finite(t)), None)


def diagnosis(compute: Callable[[], Tensor]) -> str:
    """What is bad first in computing a loss and its gradient, in words; "" if nothing is.

    Args:
        compute: computes the loss, eagerly.
    """
    with recording():
        loss = compute()
        bad = first_bad(ancestors(loss))
        if bad is not None:
            return described(bad)
        record = loss.backward()
        bad = first_bad(t for t in ancestors(*(record[p] for p in record.wanted)) if t.role == "backward")
    return "" if bad is None else described(bad)


def described(t: Tensor) -> str:
    """The node, its scope, its operands and the user's line."""
    values = t.numpy()
    kind = "NaN" if np.isnan(values).any() else "infinite"
    place = source.describe(t.source)
    operands = ", ".join(f"{x.label}: {x.spec!r} in {_range(x)}" for x in t.inputs)
    parts = [
        f"the first bad value is {kind}, in the {t.role} node {t.label} of shape {t.shape}",
        f"in scope {t.context.scope}" if t.context.scope else "",
        f"at {place}" if place else "",
        f"computed from {operands}" if operands else "",
    ]
    return ", ".join(part for part in parts if part)


def _range(t: Tensor) -> str:
    values = t.numpy()
    return f"[{values.min():.3g}, {values.max():.3g}]" if values.size else "[]"
