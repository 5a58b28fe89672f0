"""What layers say of themselves: rows and a colour for their box, and a text for their local gradient.

A layer gives its own label by a method::

    class Attention(gd.Module):
        def draw_label(self):
            return Label(rows=["8 heads of 64"], color="#E7E0F8", gradient="softmax′ ⊗ V")

A method that fails is named in a warning, and the box looks as any other. Operations need nothing like it: a
primitive's symbol and formula are what pictures show of it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphdiff.draw.modules import Box
from graphdiff.draw.subject import Subject
from graphdiff.errors import ArgumentError

if TYPE_CHECKING:
    from graphdiff.module import Module

_COLOR = re.compile("#[0-9A-Fa-f]{6}")


@dataclass(frozen=True)
class Label:
    """What a layer says of itself in pictures.

    Attributes:
        rows: lines of text under the title.
        color: of the box, ``#RRGGBB``; its text is black or white, whichever is readable.
        gradient: the local gradient, as a formula for people.
    """

    rows: Sequence[str] = ()
    color: str = ""
    gradient: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.rows, str) or not all(isinstance(row, str) for row in self.rows):
            raise ArgumentError(f"rows={self.rows!r} are no texts", fix="give a list of texts")
        if self.color and not _COLOR.fullmatch(self.color):
            raise ArgumentError(f"color={self.color!r} is no colour", fix="write it as #RRGGBB")


def labelled(boxes: Sequence[Box], subject: Subject) -> list[Box]:
    """The boxes, those of layers that label themselves with the label."""
    known: dict[int, Label | None] = {}
    return [_labelled(box, subject, known) for box in boxes]


def _labelled(box: Box, subject: Subject, known: dict[int, Label | None]) -> Box:
    layer = next(filter(None, (_layer(subject.items[i].node.scope, box.scope) for i in box.members)), None)
    if layer is None:
        return box
    if id(layer) not in known:
        known[id(layer)] = _asked(layer)
    label = known[id(layer)]
    if label is None:
        return box
    told = [f"∂ {label.gradient}"] if label.gradient else []
    return replace(box, rows=(*label.rows, *told), color=label.color)


def _layer(scope: str, path: str) -> Module | None:
    """The layer at a path, where it labels itself and is still alive."""
    layers: Mapping[str, Any] = getattr(scope, "layers", {})
    return layers[path]() if path in layers else None


def _asked(layer: Module) -> Label | None:
    try:
        label = layer.draw_label()
        if label is not None and not isinstance(label, Label):
            raise TypeError(f"a {type(label).__name__} is no Label")
    except Exception as problem:  # a plugin's code may raise anything
        kind = f"{type(layer).__module__}.{type(layer).__qualname__}"
        warnings.warn(f"{kind}.draw_label() failed: {type(problem).__name__}: {problem}", stacklevel=2)
        return None
    return label
