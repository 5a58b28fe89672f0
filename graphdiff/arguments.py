"""Arguments of calls: one of the wrong type is refused by its name, before it meets arithmetic that would
only say what Python cannot compare."""

from __future__ import annotations

import operator
import os
import reprlib
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.errors import ArgumentError

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 80


_LARGEST = 1 << 128


def shown(value: Any) -> str:
    """The value as an error shows it: on one line, the middle of what is long or deep left out."""
    return " ".join(_short.repr(value).split())


def kind_of(value: Any) -> str:
    """What a value is, in words: ``an int``, ``a class``."""
    return "a class" if isinstance(value, type) else _with_article(type(value).__name__)


def _with_article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def check_integers(**named: Any) -> None:
    """
    Raises:
        ArgumentError: one that is no integer of at most 128 bits: 1.5, "3", ``None``, 10**400.
    """
    for name, value in named.items():
        try:
            sound = abs(operator.index(value)) <= _LARGEST and not isinstance(value, bool)
        except TypeError:
            sound = False
        if not sound:
            raise ArgumentError(f"{name}={shown(value)} is no integer", fix=f"give {name} as an int")


def check_numbers(**named: Any) -> None:
    """
    Raises:
        ArgumentError: one that is no number: "0.1", ``None``, a list, an array of several, 10**400.
    """
    for name, value in named.items():
        if not is_number(value):
            raise ArgumentError(f"{name}={shown(value)} is no number", fix=f"give {name} as a float")


def is_number(value: Any) -> bool:
    """Whether it is one real number that a float can hold."""
    scalar = hasattr(value, "dtype") and hasattr(value, "__float__") and value.shape == ()
    if not (isinstance(value, (int, float)) or scalar):
        return False
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def check_flags(**named: Any) -> None:
    """
    Raises:
        ArgumentError: one that is neither true nor false: an array, a text.
    """
    for name, value in named.items():
        if not isinstance(value, (int, np.bool_)) or value not in (0, 1):
            raise ArgumentError(
                f"{name}={shown(value)} is neither True nor False", fix=f"give {name} as a bool"
            )


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """
    Raises:
        ArgumentError: another text than these, or no text.
    """
    if not isinstance(value, str) or value not in choices:
        raise ArgumentError(f"{name}={shown(value)} is unknown", fix=f"use one of {', '.join(choices)}")


def check_fields(made: Any) -> None:
    """The fields of a dataclass that are annotated as numbers, integers or truth values.

    Raises:
        ArgumentError: one is something else.
    """
    checks = {"int": check_integers, "float": check_numbers, "bool": check_flags}
    for field in fields(made):
        if field.init and field.type in checks:
            checks[field.type](**{field.name: getattr(made, field.name)})


def entries(name: str, value: Any) -> list[Any]:
    """What a sequence holds.

    Raises:
        ArgumentError: it is none.
    """
    try:
        return list(value)
    except TypeError:
        raise ArgumentError(
            f"{name}={shown(value)} is no sequence", fix=f"give {name} as a list or a tuple"
        ) from None


def check_functions(**named: Any) -> None:
    """
    Raises:
        ArgumentError: one that cannot be called.
    """
    for name, value in named.items():
        if not callable(value):
            raise ArgumentError(
                f"{name}={shown(value)} is {kind_of(value)}, not a function",
                fix=f"give {name} as something that can be called",
            )


def check_kind(name: str, value: Any, kind: type | tuple[type, ...], fix: str) -> None:
    """
    Raises:
        ArgumentError: a value that is no instance of the kind, or of any of several.
    """
    if not isinstance(value, kind):
        kinds = " or ".join(_with_article(k.__name__) for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise ArgumentError(f"{name}={shown(value)} is {kind_of(value)}, not {kinds}", fix=fix)


def path_of(value: Any) -> Path:
    """
    Raises:
        ArgumentError: what names no file.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise ArgumentError(f"{shown(value)} is {kind_of(value)}, not a path", fix="give a string or a Path")
    return Path(value)
