"""Pytrees: nested tuples, lists and dicts, taken apart into leaves and put together again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from graphdiff.errors import ArgumentError

_LEAF = "leaf"
_NONE = "none"


@dataclass(frozen=True)
class Structure:
    """The shape of a pytree: equal for trees that differ in their leaves alone, and hashable.

    Attributes:
        kind: tuple, list, dict or a named tuple's class; "leaf" or "none" at the ends.
        keys: a dict's keys.
        branches: what hangs below.
    """

    kind: type | str
    keys: tuple[Hashable, ...] = ()
    branches: tuple[Structure, ...] = ()

    def __call__(self, leaves: Iterable[Any]) -> Any:
        """A tree of this shape with other leaves."""
        return self._build(iter(leaves))

    def _build(self, supply: Iterator[Any]) -> Any:
        if isinstance(self.kind, str):
            return next(supply) if self.kind == _LEAF else None
        parts = [branch._build(supply) for branch in self.branches]
        if issubclass(self.kind, dict):
            return dict(zip(self.keys, parts, strict=True))
        kind: Callable[..., Any] = self.kind
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)

    def paths(self) -> list[str]:
        """How each leaf is reached from the tree, as Python spells it: ``[0]``, ``['w']``, ``.field``."""
        if isinstance(self.kind, str):
            return [""] if self.kind == _LEAF else []
        return [
            step + path
            for step, branch in zip(self._steps(), self.branches, strict=True)
            for path in branch.paths()
        ]

    def _steps(self) -> list[str]:
        if self.kind is dict:
            return [f"[{key!r}]" for key in self.keys]
        fields = getattr(self.kind, "_fields", None)
        return [f".{field}" for field in fields] if fields else [f"[{n}]" for n in range(len(self.branches))]


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order (dicts by insertion), and the structure that puts others in their places.

    Tuples (named ones too), lists and dicts are branches and ``None`` has no leaves; everything else is
    a leaf.

    Raises:
        ArgumentError: a tree that holds itself.
    """
    leaves: list[Any] = []
    try:
        return leaves, _take_apart(tree, leaves)
    except RecursionError:
        raise ArgumentError(
            "lists and dicts are nested too deeply here, or one holds itself", fix="nest them less deeply"
        ) from None


def _take_apart(tree: Any, leaves: list[Any]) -> Structure:
    if tree is None:
        return Structure(_NONE)
    if isinstance(tree, dict):
        return Structure(dict, tuple(tree), tuple(_take_apart(v, leaves) for v in tree.values()))
    if isinstance(tree, (tuple, list)):
        return Structure(type(tree), (), tuple(_take_apart(v, leaves) for v in tree))
    leaves.append(tree)
    return Structure(_LEAF)
