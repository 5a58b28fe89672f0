"""Why an operation gave NaN or infinity: what its operands were at one bad element, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphdiff.draw import words
from graphdiff.dtypes import DType

Reason = Callable[..., str]
_LARGEST = {"float16": "6.6e4", "bfloat16": "3.4e38", "float32": "3.4e38", "float64": "1.8e308"}


def of_element(primitive: str, dtype: DType, nan: bool, operands: Sequence[float]) -> str:
    """The reason, for an elementwise primitive.

    Args:
        nan: whether the tensor has NaN in it, not only infinities.
        operands: their values at the bad element, all of them finite.
    """
    reason = _REASONS.get(primitive)
    told = reason(*operands) if reason is not None else ""
    expression = f"{primitive}({', '.join(map(_shown, operands))})"
    return told or (f"{expression} is not defined" if nan else _too_large(dtype, expression))


def of_sum(primitive: str, dtype: DType, nan: bool) -> str:
    """The reason, for a primitive that takes many elements together; its operands are finite."""
    return f"{primitive} of finite operands gave NaN" if nan else _too_large(dtype, f"a sum in {primitive}")


def _too_large(dtype: DType, what: str) -> str:
    return f"{what} is beyond what {dtype} holds, {_LARGEST[dtype]}"


def _shown(x: float) -> str:
    return words.exact(float(x), 4)


def _logarithm(x: float, least: float = 0) -> str:
    if x > least:
        return ""
    what = "log" if least == 0 else "log1p"
    return f"{what} of {'0' if x == 0 else _shown(x)}" + ("" if x == least else ", which is below its domain")


def _quotient(x: float, y: float) -> str:
    if y:
        return ""
    return "0/0" if x == 0 else f"{_shown(x)} divided by 0"


def _power(x: float, y: float) -> str:
    if x == 0 and y < 0:
        return f"0 to the power {_shown(y)}"
    if x < 0 and y != int(y):
        return f"a negative number, {_shown(x)}, to the power {_shown(y)}, which is not whole"
    return ""


def _outside(name: str) -> Reason:
    return lambda x: f"{name} of {_shown(x)}, which is outside −1 … 1" if abs(x) > 1 else ""


def _growing(name: str) -> Reason:
    return lambda x: f"overflow of {name}: its operand is {_shown(x)}"


_REASONS: dict[str, Reason] = {
    "log": _logarithm,
    "log1p": lambda x: _logarithm(x, -1),
    "divide": _quotient,
    "reciprocal": lambda x: _quotient(1, x),
    "power": _power,
    "sqrt": lambda x: f"square root of {_shown(x)}" if x < 0 else "",
    "arcsin": _outside("arcsin"),
    "arccos": _outside("arccos"),
    "exp": _growing("exp"),
    "expm1": _growing("expm1"),
    "sinh": _growing("sinh"),
    "cosh": _growing("cosh"),
}
