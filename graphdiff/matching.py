"""Choosing parameters by name: what weight decay, parameter groups and freezing have in common.

>>> import graphdiff as gd
>>> net = gd.layers.Sequential(conv=gd.layers.Conv2d(3, 8, 3), fc=gd.layers.Linear(8, 2))
>>> [name for name, _ in gd.matching.matched(net, "*.weight")]
['conv.weight', 'fc.weight']
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from graphdiff.arguments import check_kind, shown
from graphdiff.errors import ArgumentError
from graphdiff.module import Module, Parameter
from graphdiff.tensor import Tensor

T = TypeVar("T", bound=Tensor)
Match = str | Sequence[str] | Callable[[str, Tensor], bool]
"""A pattern of paths (``"features.*"``, ``"*.weight"``), several of which one must fit, or a predicate of
path and parameter."""


def weights(name: str, parameter: Tensor) -> bool:
    """What is usually decayed: no biases, and no scales and shifts of norms, which have one axis."""
    return parameter.ndim > 1


def matches(match: Match, name: str, parameter: Tensor) -> bool:
    """Whether a parameter is meant.

    Raises:
        ArgumentError: no pattern, patterns or predicate, or no path.
    """
    check_kind("name", name, str, "give the path of a parameter")
    if isinstance(match, str):
        # A layer's own "weight" is "*.weight", too.
        return fnmatchcase(name, match) or fnmatchcase(f".{name}", match)
    if callable(match):
        return bool(match(name, parameter))
    if not isinstance(match, Sequence) or not all(isinstance(m, str) or callable(m) for m in match):
        raise ArgumentError(
            f"match={shown(match)} chooses no parameters",
            fix='give a pattern such as "*.weight", a list of them, or a function of name and parameter',
        )
    return any(matches(pattern, name, parameter) for pattern in match)


def matched(module: Module, match: Match) -> Iterator[tuple[str, Parameter]]:
    """The parameters that are meant, with their paths.

    Raises:
        ArgumentError: none are.
    """
    check_kind("module", module, Module, "give the model")
    return iter(fitting(dict(module.named_parameters()), match).items())


def fitting(named: Mapping[str, T], match: Match) -> dict[str, T]:
    """Those of the parameters, by path, that are meant.

    Raises:
        ArgumentError: none are.
    """
    check_kind("named", named, Mapping, "give a dict of path -> parameter")
    found = {name: p for name, p in named.items() if matches(match, name, p)}
    if not found:
        raise ArgumentError(
            f"no parameter matches {shown(match)}", fix=f"there are {', '.join(map(str, named))}"
        )
    return found
