"""What a command names: plugins with options as NAME=VALUE."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any

from graphdiff.errors import ArgumentError, GraphdiffError
from graphdiff.plugins import Registry
from graphdiff.spelling import choice


def parsed(given: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE texts; a value is JSON where it can be, else text.

    Raises:
        ArgumentError: a text without "=".
    """
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError(f"the option {text!r} is not NAME=VALUE", fix="write momentum=0.9")
        found[name] = value_of(value)
    return found


def value_of(text: str) -> Any:
    """JSON where it can be, else text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def made(kind: str, name: str, *plain: Any, given: Sequence[str] = (), **known: Any) -> Any:
    """A plugin called with the options that a user gave, and those that are known and that it takes.

    Args:
        plain: arguments by position.
        given: NAME=VALUE texts.

    Raises:
        UnknownPluginError: no such plugin. ArgumentError: options that it does not take.
    """
    make, own = Registry(kind)[name], parsed(given)
    taken = inspect.signature(make).parameters
    several = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    for option in own:
        if option not in taken and not several:
            raise ArgumentError(f"{name} has no option {option!r}", fix=choice(option, taken))
    options = {k: v for k, v in known.items() if k in taken} | own
    try:
        return make(*plain, **options)
    except GraphdiffError as problem:
        problem.locate(name)
        raise
    except (TypeError, ValueError) as problem:
        arguments = ", ".join([*map(repr, plain), *(f"{k}={v!r}" for k, v in options.items())])
        raise ArgumentError(
            f"{name}({arguments}) cannot be made: {problem}",
            fix=f"give what it takes as NAME=VALUE: {', '.join(map(str, taken.values()))}",
        ) from problem
