"""Two ways to one number: equal, or an AssertionError that says what differs."""

from __future__ import annotations

from typing import Any

import numpy as np

# Two ways to the same number differ by rounding; the sums in samples are short.
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}


def tolerance_of(*dtypes: Any) -> float:
    """By how much two ways may differ, in the lowest precision that takes part."""
    return max((TOLERANCE.get(str(dtype), 0.0) for dtype in dtypes), default=0.0)


def same_kind(what: str, found: Any, expected: Any) -> None:
    """Equal in shape and dtype."""
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        raise AssertionError(
            f"{what} is {found.dtype}{list(found.shape)}, expected {expected.dtype}{list(expected.shape)}"
        )


def equal(what: str, found: Any, expected: Any, tolerance: float) -> None:
    """Equal in shape and dtype, and to within the tolerance (relative, and absolute) in every element."""
    found, expected = np.asarray(found), np.asarray(expected)
    same_kind(what, found, expected)
    if not np.allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise AssertionError(f"{what} is\n{found}\nexpected\n{expected}")


def identical(what: str, found: Any, expected: Any) -> None:
    """Equal to the last bit."""
    found, expected = np.asarray(found), np.asarray(expected)
    same_kind(what, found, expected)
    if found.tobytes() != expected.tobytes():
        raise AssertionError(f"{what} is\n{found}\nexpected, to the last bit,\n{expected}")
