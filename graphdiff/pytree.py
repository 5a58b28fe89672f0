"""Pytrees: nested tuples, lists and dicts, taken apart into leaves and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Rebuild = Callable[[Iterable[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves in order (dicts by insertion), and a function that puts others in their places.

    Tuples (named ones too), lists and dicts are branches and ``None`` has no leaves; everything else is
    a leaf.
    """
    leaves: list[Any] = []
    shape = _take_apart(tree, leaves)

    def rebuild(values: Iterable[Any]) -> Any:
        supply = iter(values)
        return shape(lambda: next(supply))

    return leaves, rebuild


def map_leaves(fn: Callable[..., Any], tree: Any) -> Any:
    """The same tree with ``fn`` applied to every leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild(map(fn, leaves))


def _take_apart(tree: Any, leaves: list[Any]) -> Callable[[Callable[[], Any]], Any]:
    if tree is None:
        return lambda supply: None
    if isinstance(tree, dict):
        keys, parts = list(tree), [_take_apart(v, leaves) for v in tree.values()]
        return lambda supply: {k: part(supply) for k, part in zip(keys, parts, strict=True)}
    if isinstance(tree, (tuple, list)):
        branches = [_take_apart(v, leaves) for v in tree]
        kind = type(tree)
        if hasattr(tree, "_fields"):  # a named tuple takes its fields one by one
            return lambda supply: kind(*(part(supply) for part in branches))
        return lambda supply: kind(part(supply) for part in branches)
    leaves.append(tree)
    return lambda supply: supply()
