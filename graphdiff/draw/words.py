"""Numbers, shapes and names as the pictures print them: short, with a real minus sign, never empty."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from graphdiff.graph import Shape, TensorSpec

MOST_LISTED = 4
"""A tensor of at most this many elements is written out."""

NAME_LENGTH = 16
_EXACT = 1 << 16  # elements whose squares are summed in double precision; of more, seven digits are right
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_NUMBER_AT_END = re.compile(r"\s[-+−]?\d[\d.,e+-]*$")
_NUMBERED = re.compile(r"([^\W\d_]+)_?([0-9]+)")


def number(value: Any) -> str:
    """Two decimals, ``8.6e−5`` where they would show too little, integers and truths as they are."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return minus(str(value))
    value = value or 0.0  # no minus before a zero
    return _special(value) or minus(f"{value:.2f}" if _plain(abs(value)) else _scientific(value))


def exact(value: Any, digits: int = 6) -> str:
    """A scalar with so many digits that count, without needless zeros: ``2``, ``−0.5``."""
    if not isinstance(value, (float, np.floating)):
        return number(value)
    return _special(value) or minus(re.sub(r"e([+-])0*", _exponent, f"{float(value):.{digits}g}"))


def norm(value: float) -> str:
    """A norm with two digits that count: ``3.5e−4``, ``0.043``, ``603``, ``1.3e4``, ``0``."""
    if value == 0:
        return "0"
    if special := _special(value):
        return special
    if not 0.01 <= value < 999.5:
        return minus(_scientific(value))
    return f"{value:.0f}" if value >= 9.95 else f"{float(f'{value:.2g}'):g}"


def array(values: np.ndarray[Any, Any]) -> str:
    """A scalar as a number, up to four elements as a list, more as shape and norm."""
    if values.ndim == 0:
        return number(values[()])
    if 0 < values.size <= MOST_LISTED:
        return listed(values)
    length = f"  ‖·‖ {norm(length_of(values))}" if values.size and values.dtype.kind != "b" else ""
    return f"{shape(values.shape)}{length}"


def listed(values: np.ndarray[Any, Any]) -> str:
    """Every element, in brackets for every axis."""
    if values.ndim == 0:
        return number(values[()])
    return f"[{', '.join(listed(row) for row in values)}]"


def length_of(*arrays: np.ndarray[Any, Any]) -> float:
    """The Euclidean norm of all elements together, without overflow on the way; NaN and ∞ stay."""
    quick = sum(_squares(a) for a in arrays)
    if 1e-20 < quick < 1e20:
        return math.sqrt(quick)
    parts = [np.abs(a.astype(np.float64, copy=False)).ravel() for a in arrays if a.size]
    largest = max((float(part.max()) for part in parts), default=0.0)
    if any(np.isnan(part).any() for part in parts):
        return math.nan
    if largest == 0 or math.isinf(largest):
        return largest
    return largest * math.sqrt(sum(float(np.sum((part / largest) ** 2)) for part in parts))


def _squares(values: np.ndarray[Any, Any]) -> float:
    """The sum of squares, NaN where the quick way may be wrong."""
    if values.dtype not in (np.float32, np.float64):
        return math.nan
    flat = values.ravel()
    if flat.size <= _EXACT:
        flat = flat.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        return float(np.dot(flat, flat))


def shape(sizes: Shape) -> str:
    """``32×1×28×28``; ``scalar`` without axes."""
    return "×".join(map(str, sizes)) if sizes else "scalar"


def spec(found: TensorSpec) -> str:
    """Shape and dtype, for tooltips."""
    return f"{shape(found.shape)} {found.dtype}"


def count(n: int) -> str:
    """``156``, ``2.4k``, ``60.2M``."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.1f}{letter}"
    return str(n)


def plural(n: int, one: str) -> str:
    """``1 box``, ``2 boxes``, ``1,200 operations``."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {one}{'es' if one.endswith('x') else 's'}"


def clean(text: str) -> str:
    """One line of printable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def short(name: str, most: int = NAME_LENGTH) -> str:
    """The name, cut with an ellipsis where it is long, but not within a number that is a word of its own."""
    name = clean(name)
    if len(name) <= most:
        return name
    kept = name[: most - 1]
    if not name[most - 1].isspace():
        kept = _NUMBER_AT_END.sub("", kept)
    return f"{kept.rstrip()}…"


def subscripted(name: str) -> str:
    """``w0`` and ``w_0`` as w₀; other names as they are."""
    match = _NUMBERED.fullmatch(name)
    return match[1] + match[2].translate(_SUBSCRIPTS) if match else name


def differentiated(name: str) -> str:
    """``∂f`` of a short name; of a derivative ``∂(∂f/∂x)``."""
    name = subscripted(short(name))
    return f"∂({name})" if "∂" in name else f"∂{name}"


def superscript(integer: str) -> str:
    """An integer's text raised: ``−1`` as ⁻¹."""
    return integer.translate(_SUPERSCRIPTS)


def minus(text: str) -> str:
    return text.replace("-", "−")


def _plain(size: float) -> bool:
    return size == 0 or 0.005 <= size < 99_999.995


def _special(value: Any) -> str:
    if math.isnan(value):
        return "NaN"
    return ("∞" if value > 0 else "−∞") if math.isinf(value) else ""


def _scientific(value: float) -> str:
    return re.sub(r"e([+-])0*", _exponent, f"{value:.1e}")


def _exponent(match: re.Match[str]) -> str:
    return "e-" if match[1] == "-" else "e"
