"""Arguments of calls: one of the wrong type is refused by its name, before it meets arithmetic that would
only say what Python cannot compare."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Any

from graphdiff.errors import ArgumentError


def check_integers(**named: Any) -> None:
    """
    Raises:
        ArgumentError: one that is no integer: 1.5, "3", ``None``.
    """
    for name, value in named.items():
        try:
            operator.index(value)
        except TypeError:
            raise ArgumentError(f"{name}={value!r} is no integer", fix=f"give {name} as an int") from None


def check_numbers(**named: Any) -> None:
    """
    Raises:
        ArgumentError: one that is no number: "0.1", ``None``, a list.
    """
    for name, value in named.items():
        if not hasattr(value, "__float__"):
            raise ArgumentError(f"{name}={value!r} is no number", fix=f"give {name} as a float")


def check_functions(**named: Any) -> None:
    """
    Raises:
        ArgumentError: one that cannot be called.
    """
    for name, value in named.items():
        if not callable(value):
            raise ArgumentError(
                f"{name}={value!r}, a {type(value).__name__}, is no function",
                fix=f"give {name} as something that can be called",
            )


def check_kind(name: str, value: Any, kind: type | tuple[type, ...], fix: str) -> None:
    """
    Raises:
        ArgumentError: a value that is no instance of the kind, or of any of several.
    """
    if not isinstance(value, kind):
        kinds = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise ArgumentError(f"{name}={value!r}, of type {type(value).__name__}, is no {kinds}", fix=fix)


def path_of(value: Any) -> Path:
    """
    Raises:
        ArgumentError: what names no file.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise ArgumentError(f"{value!r}, a {type(value).__name__}, is no path", fix="give a string or a Path")
    return Path(value)
