"""Dtypes as names that every backend understands.

A :class:`DType` is the string ``"float32"`` that also equals ``np.float32``, ``np.dtype("float32")``
and ``torch.float32``, so that neither NumPy nor torch is needed to speak of one.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Self

import numpy as np

from graphdiff.arguments import shown
from graphdiff.errors import DTypeError

_FLOATING = ("float16", "bfloat16", "float32", "float64")
_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_NAMES = frozenset(("bool", *_SIGNED, *_UNSIGNED, *_FLOATING))


class DType(str):
    """The name of a dtype; compares equal to any spelling of the same dtype.

    Attributes:
        kind: ``"bool"``, ``"integer"`` or ``"floating"``.
        is_floating: whether gradients exist for tensors of this dtype.
        itemsize: bytes per element.
        host: the NumPy dtype that holds its values: float32 for bfloat16, which NumPy lacks.
    """

    kind: str
    is_floating: bool
    is_integer: bool
    itemsize: int
    host: str
    _known: ClassVar[dict[str, DType]] = {}

    def __new__(cls, name: str) -> Self:
        # One object per dtype, so that comparing is mostly comparing identities.
        if not isinstance(name, str) or name not in _NAMES:
            raise _no_dtype(name)
        return cls._known.get(name) or cls._known.setdefault(name, cls._make(name))  # type: ignore[return-value]

    @classmethod
    def _make(cls, name: str) -> Self:
        made = super().__new__(cls, name)
        made.is_floating = name in _FLOATING
        made.is_integer = name in _SIGNED or name in _UNSIGNED
        made.kind = "floating" if made.is_floating else "integer" if made.is_integer else "bool"
        made.itemsize = 2 if name == "bfloat16" else np.dtype(name).itemsize
        made.host = "float32" if name == "bfloat16" else name
        return made

    def __reduce__(self) -> tuple[type[DType], tuple[str]]:
        return DType, (str(self),)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str.__eq__(self, other)
        try:
            return str.__eq__(self, as_dtype(other))
        except DTypeError:
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


EVERY_DTYPE = tuple(map(DType, sorted(_NAMES)))


def as_dtype(value: Any) -> DType:
    """The dtype that ``value`` spells: a name, a NumPy or torch dtype, or ``float``, ``int``, ``bool``.

    Raises:
        DTypeError: no supported dtype is spelled so (complex, object and text have no gradients here).
    """
    try:
        return _as_dtype(value)
    except (TypeError, ValueError):  # unhashable or not a dtype at all
        raise _no_dtype(value) from None


def _no_dtype(value: Any) -> DTypeError:
    return DTypeError(
        f"{shown(value)} is not a dtype graphdiff computes with",
        fix=f"use one of {', '.join(sorted(_NAMES))}",
    )


@cache
def _as_dtype(value: Any) -> DType:
    text = str(value).removeprefix("torch.")
    name = text if text in _NAMES else np.dtype(value).name
    if name not in _NAMES:
        raise TypeError(name)
    return DType(name)


@cache
def promote(*dtypes: DType) -> DType:
    """The dtype that mixed operands meet in.

    Among floating dtypes NumPy's rule holds; an integer or boolean operand never widens a floating one,
    so float32 stays float32 (torch's rule, NumPy's would give float64 for int64 with float32).
    """
    floating = [d for d in dtypes if d.is_floating]
    pool = floating or list(dtypes)
    result = pool[0]
    for other in pool[1:]:
        result = _pair(result, other)
    return result


def _pair(a: DType, b: DType) -> DType:
    if a == b:
        return a
    if "bfloat16" in (a, b):
        other = b if a == "bfloat16" else a
        return DType("float32") if other == "float16" else other
    return as_dtype(np.promote_types(str(a), str(b)))
