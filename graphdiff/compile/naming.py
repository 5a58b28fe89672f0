"""What the inputs of a traced function are called: by its signature and their place in it, ``batch[0]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import Parameter, signature
from itertools import count, repeat
from typing import Any

from graphdiff.module import Module
from graphdiff.pytree import Structure


def input_names(fn: Callable[..., Any], structure: Structure) -> list[str]:
    """The name of every leaf of the arguments.

    Args:
        structure: of ``(args, kwargs)``.

    Returns:
        ``x``, ``batch[0]``, ``params['w']``; "" for arguments of a function without a readable signature.
    """
    args, kwargs = structure.branches
    named = [
        *zip(_positional(fn), args.branches, strict=False),
        *zip(kwargs.keys, kwargs.branches, strict=True),
    ]
    return [f"{name}{path}" if name else "" for name, branch in named for path in branch.paths()]


def _positional(fn: Callable[..., Any]) -> Iterator[str]:
    """What arguments by position are called, without end."""
    try:
        parameters = signature(fn.forward if isinstance(fn, Module) else fn).parameters.values()
    except (TypeError, ValueError):  # a builtin, or what claims another signature than it has
        parameters = {}.values()
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_POSITIONAL:
            yield from (f"{parameter.name}[{n}]" for n in count())
        yield parameter.name
    yield from repeat("")
