"""Layers one after another, and beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self, overload

import graphdiff as gd
from graphdiff.arguments import shown
from graphdiff.errors import ArgumentError


class _Layers(gd.Module):
    """Layers in order, numbered or named."""

    def __init__(self, *layers: Callable[..., Any], **named: Callable[..., Any]) -> None:
        self._order = [*map(str, range(len(layers))), *named]
        kind = type(self).__name__
        for name, layer in zip(self._order, (*layers, *named.values()), strict=True):
            if not callable(layer):
                raise ArgumentError(
                    f"layer {name} of {kind} is {shown(layer)}, which cannot be called", fix="give a module"
                )
            if name.startswith("_") or hasattr(type(self), name):
                raise ArgumentError(
                    f"a layer of {kind} cannot be called {name!r}, which modules use for themselves",
                    fix=f"call it {name.strip('_')}1",
                )
            setattr(self, name, layer)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return (getattr(self, name) for name in self._order)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Callable[..., Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Callable[..., Any] | Self:
        if isinstance(index, slice):
            # Past __setattr__, so that the layers keep the path they have in the whole.
            part, names = type(self)(), self._order[index]
            own = {name: value for name, value in vars(self).items() if name in names or name[0] == "_"}
            vars(part).update(own | {"_order": names})
            return part
        return getattr(self, self._order[index])  # type: ignore[no-any-return]


class Sequential(_Layers):
    """Each layer takes what the one before gave.

    Args:
        layers: modules, or plain functions of one tensor; they are called "0", "1", …
        named: the same under names of their own: ``Sequential(fc1=…, relu=…, fc2=…)``.

    An index gives a layer, a slice a Sequential of the same layers under the same names.

    Raises:
        ArgumentError: something that cannot be called, or a name that a module uses for itself.
    """

    def forward(self, x: Any) -> Any:
        for layer in self:
            x = layer(x)
        return x


class Concat(_Layers):
    """Every branch takes the input, and their outputs are joined along the channels: Inception's join
    (Szegedy et al. 2014, figure 2).

    Args:
        layers, named: the branches, as the layers of :class:`Sequential`.

    Shapes: branches give (N, Cᵢ, …) -> (N, Σ Cᵢ, …).

    Raises:
        ArgumentError: as for Sequential; on the call, no branches. ShapeError: on the call, outputs that
            differ in more than their channels.
    """

    def forward(self, x: Any) -> gd.Tensor:
        return gd.concatenate([branch(x) for branch in self], 1)
