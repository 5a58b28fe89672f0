"""Pictures of graphs: what was computed, and the gradients that flowed back.

>>> picture = draw(f, gradients=f.backward())
>>> picture.save("circuit.svg")

What a picture promises:

- **Numbers are the graph's own.** Values and gradients come from the record; nothing is recomputed, except
  inside an unfolded composite, whose parts were never computed one by one.
- **Nothing is told by colour alone.** A value stands above its wire and its gradient below it; a norm is
  printed on its colour; operators of the backward pass are square. Text has a contrast of at least 4.5 : 1.
- **No gradient is never shown as zero.** Zero, *no backward yet* and *no gradient here* look different.
- **The same graph gives the same DOT text**, on every machine and in every run, so that pictures can be
  compared. Making the text needs no layout engine; :mod:`graphdiff.draw.layout` says where one comes from.
- **Large graphs are folded, not shrunk**, and the picture says what was folded.
- A name may hold any characters; it is shown as it is, shortened where it is long, whole in the tooltip.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from graphdiff.draw.picture import Picture

if TYPE_CHECKING:
    from graphdiff.autodiff import Backward
    from graphdiff.draw.subject import Show, Subject
    from graphdiff.graph import Graph
    from graphdiff.tensor import Tensor

__all__ = ["Picture", "draw"]

Style = Literal["auto", "circuit", "module"]
_MOST_OPERATIONS = 40  # in a circuit, unless it is asked for


def draw(
    target: Tensor | Backward | Graph,
    *,
    gradients: Backward | None = None,
    style: Style = "auto",
    show: Show = "forward",
    title: str = "",
    unfold: bool | str | Collection[str] = (),
    local_gradients: bool = False,
    boxes: int = 60,
) -> Picture:
    """Draw what was computed.

    Args:
        target: a tensor, for the graph that computed it, with values; the record that ``backward()``
            returned, for the same with gradients; or a :class:`graphdiff.Graph`, for its structure, with
            shapes in the place of values.
        gradients: the record of a backward pass through the target, whose gradients are shown.
        style: ``"circuit"`` has a circle for every operation, a value and a gradient on every wire;
            ``"module"`` has a box for every scope, shapes and gradient norms on the arrows. ``"auto"``
            takes the first for up to 40 operations on tensors of up to 4 elements.
        show: ``"forward"``, the graph that was differentiated; ``"backward"``, the operations that computed
            the gradients, with the forward values that they use; ``"both"``, one beside the other. The
            last two need a record.
        title: a heading.
        unfold: the names of composites to draw as what they are made of, or ``True`` for all.
        local_gradients: in the circuit style, also print the derivative of each operation with respect to
            each operand, at the head of the wire.
        boxes: in the module style, about how many boxes there may be; more are folded.

    Returns:
        The picture. Nothing is laid out yet.

    Raises:
        ArgumentError: a target that is none of these, a record of another graph, or an unknown style,
            composite or pass.
    """
    from graphdiff.draw.circuit import circuit_of
    from graphdiff.draw.circuit_dot import circuit_dot
    from graphdiff.draw.modules import overview_of
    from graphdiff.draw.modules_dot import modules_dot
    from graphdiff.draw.target import subject_of
    from graphdiff.draw.tidying import tidied
    from graphdiff.draw.unfolding import unfold as unfolded
    from graphdiff.errors import ArgumentError

    drawn = tidied(unfolded(subject_of(target, gradients, show), unfold))
    if style == "auto":
        style = "circuit" if _is_small(drawn) else "module"
    if style == "module":
        return Picture(modules_dot(overview_of(drawn, boxes), title))
    if style != "circuit":
        raise ArgumentError(f"style={style!r} is unknown", fix="use 'auto', 'circuit' or 'module'")
    if local_gradients and drawn.record is None:
        raise ArgumentError(
            "local gradients need a backward pass",
            fix="draw(f, gradients=f.backward(), local_gradients=True)",
        )
    return Picture(circuit_dot(circuit_of(drawn, local_gradients), title))


def _is_small(subject: Subject) -> bool:
    from graphdiff.draw.words import MOST_LISTED

    sizes = (item.node.spec.size for item in subject.items)
    return subject.operations <= _MOST_OPERATIONS and all(size <= MOST_LISTED for size in sizes)
