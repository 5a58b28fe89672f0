"""Layers one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import graphdiff as gd
from graphdiff.errors import ArgumentError


class Sequential(gd.Module):
    """Each layer takes what the one before gave.

    Args:
        layers: modules, or plain functions of one tensor; they are called "0", "1", …
        named: the same under names of their own: ``Sequential(fc1=…, relu=…, fc2=…)``.

    Raises:
        ArgumentError: something that cannot be called.
    """

    def __init__(self, *layers: Callable[..., Any], **named: Callable[..., Any]) -> None:
        self._order = [*map(str, range(len(layers))), *named]
        for name, layer in zip(self._order, (*layers, *named.values()), strict=True):
            if not callable(layer):
                raise ArgumentError(
                    f"layer {name} of Sequential is {layer!r}, which cannot be called", fix="give a module"
                )
            setattr(self, name, layer)

    def forward(self, x: Any) -> Any:
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return (getattr(self, name) for name in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Callable[..., Any]:
        return getattr(self, self._order[index])  # type: ignore[no-any-return]
