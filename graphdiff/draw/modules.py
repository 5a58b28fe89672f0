"""What the tensor style and the overview show: a box per layer or scope, what flows between boxes, and how
large the gradients are.

This is what every output is made from: DOT, JSON, Mermaid and HTML read an :class:`Overview` and need to
know nothing of graphs. Ids are the names of DOT nodes and of the elements of an SVG.
:mod:`graphdiff.draw.building` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from graphdiff.draw.subject import Stage, Subject
from graphdiff.tensor import Tensor

Change = Literal["", "added", "removed", "changed"]
Fill = Literal["plain", "input", "result", "backward", "update"]


@dataclass(frozen=True)
class Norm:
    """The size of a gradient, or why there is none to tell.

    Attributes:
        state: "known"; "not yet" before any backward pass; "none" where the pass did not come along.
        value: the norm, where it is known.
        of: what it is the norm of, together, as long as it is yet to be worked out.
    """

    state: Literal["known", "not yet", "none"]
    value: float = 0.0
    of: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Repeat:
    """That a box stands for equal pieces.

    Attributes:
        count: how many.
        beside: they stand side by side; else one after the other.
        weights: "distinct", "shared" or "partly shared"; "" where there are none.
        of: what the strip shows: "‖∇W‖", the gradient of the weights, or "‖∇out‖", that of the result.
        strip: one norm for each piece, or for pieces at even distances where they are many.
        ends: what the first and the last piece are called.
    """

    count: int
    beside: bool
    weights: str
    of: str
    strip: tuple[Norm, ...]
    ends: tuple[str, str]


@dataclass(frozen=True)
class Box:
    """A box: title and kind, and under them the parameters of it, if it has any.

    Attributes:
        id: the name of the DOT node and the id of the SVG element.
        scope: the dotted path of the module it is, "" for operations of none.
        around: the scopes around it, drawn as frames.
        kind: what it does.
        fill: what part of the picture it is.
        members: the operations (or leaves) in it, as numbers of ``Overview.subject.items``.
        parameters: how many numbers are trained in it.
        gradient: the size of the gradient of its parameters, if it has any.
        repeat: where it stands for several equal pieces.
        rows, color: what its layer says of itself.
        stage: the part of a training step that it belongs to.
        beside: the id of the box of the forward pass that it belongs to, for one of a later stage.
        change: how it differs from another graph, in a picture of two.
    """

    id: str
    around: tuple[str, ...]
    title: str
    kind: str
    tooltip: str
    fill: Fill = "plain"
    parameters: int = 0
    gradient: Norm | None = None
    scope: str = ""
    members: tuple[int, ...] = ()
    repeat: Repeat | None = None
    rows: tuple[str, ...] = ()
    color: str = ""
    stage: Stage = "forward"
    beside: str = ""
    change: Change = ""


@dataclass(frozen=True)
class Link:
    """What flows from one box to another; a gradient flows back where ``gradient`` is known.

    Attributes:
        id: the id of the SVG element.
        tail, head: ids of boxes.
        text: the shape of what flows, or how many tensors.
        backward: what flows is of the backward pass.
        tensors: what flows, as numbers of ``Overview.subject.items``.
    """

    tail: str
    head: str
    text: str
    gradient: Norm | None
    backward: bool
    id: str = ""
    tensors: tuple[int, ...] = ()


@dataclass
class Overview:
    """All that the tensor style and the overview show: boxes in topological order, links between them, and
    facts for the heading."""

    subject: Subject
    boxes: list[Box] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    stages: Sequence[Stage] = ("forward",)
    """The parts of a training step that are shown, each in a panel of its own where there are several."""
    compared: bool = False
    """Whether it is of two graphs: the subject is the second one, and what is gone has no members."""


def norms_in(overview: Overview) -> list[Norm]:
    """All norms that a picture shows."""
    shown = [*(box.gradient for box in overview.boxes), *(link.gradient for link in overview.links)]
    strips = [norm for box in overview.boxes if box.repeat for norm in box.repeat.strip]
    return [norm for norm in shown if norm is not None] + strips
