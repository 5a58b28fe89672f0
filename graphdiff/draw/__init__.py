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
from typing import TYPE_CHECKING

from graphdiff.draw.diff import draw_diff
from graphdiff.draw.film import draw_steps
from graphdiff.draw.picture import Picture

if TYPE_CHECKING:
    from graphdiff.autodiff import Backward
    from graphdiff.draw.paths import Leaves
    from graphdiff.draw.scopes import Names
    from graphdiff.draw.subject import Show, Subject
    from graphdiff.graph import Graph
    from graphdiff.tensor import Tensor

__all__ = ["Picture", "draw", "draw_diff", "draw_steps"]

_MOST_OPERATIONS = 40  # in a circuit, unless it is asked for
_MOST_LAYERS = 12  # in the tensor style, unless it is asked for
_SURELY_MORE = 1000  # operations that are not counted in layers


def draw(
    target: Tensor | Backward | Graph,
    *,
    gradients: Backward | None = None,
    style: str = "auto",
    show: Show = "auto",
    title: str = "",
    fold: Names = (),
    unfold: bool | Names = (),
    depth: int | None = None,
    between: tuple[str, str] | None = None,
    hide: Collection[Leaves] = (),
    local_gradients: bool = False,
    boxes: int | None = None,
    numbers: str | Collection[str] = (),
    color: str = "gradient",
) -> Picture:
    """Draw what was computed.

    Args:
        target: a tensor, for the graph that computed it, with values; the record that ``backward()``
            returned, for the same with gradients; or a :class:`graphdiff.Graph`, for its structure, with
            shapes in the place of values.
        gradients: the record of a backward pass through the target, whose gradients are shown.
        style: ``"circuit"`` has a circle for every operation, a value and a gradient on every wire;
            ``"tensor"`` has a box for every layer, shapes and gradient norms on the arrows; ``"overview"``
            has few boxes: scopes are folded, a layer stands with its activation, and repeated pieces are one
            box "× 35" with a colour for each. ``"auto"`` takes the first for up to 40 operations on tensors
            of up to 4 elements, the second for up to 12 layers. Plugins bring others.
        show: ``"forward"``, the graph that was differentiated; ``"backward"``, the operations that computed
            the gradients, with the forward values that they use; ``"both"``, one beside the other, in panels
            whose rows are layers; ``"update"``, what an optimizer does. Of a tensor, backward operations need
            a record. ``"auto"`` is all of a graph, such as that of a whole training step, and the forward
            pass of anything else.
        title: a heading.
        fold: scopes to draw as one box each: names as pictures show them, paths or glob patterns
            (``"layer1"``, ``"layer3.*"``).
        unfold: scopes to draw with all that is inside them, likewise, and the names of composites to draw as
            what they are made of; ``True`` for all composites. Of a graph without scopes, the numbers of
            operations, ``"1201-1300"``, as its boxes name them.
        depth: the most levels of scopes.
        between: two names of tensors, or of scopes as in ``fold``: only what lies on the paths from the one
            to the other is drawn.
        hide: ``"constants"`` and ``"parameters"`` that are not to be shown: leaves of a circuit, rows of
            boxes.
        local_gradients: in the circuit style, also print the derivative of each operation with respect to
            each operand, at the head of the wire.
        boxes: the most boxes outside the circuit style, which fold further until they are so few. Without
            it as many as a page has room for, 24, and up to 60 where folding by scope cannot do with less.
        numbers: what boxes show of the forward pass: some of "shape", "parameters" (their shapes), "flops" (a
            multiply-add is two), "bytes", "time" (each operation is computed again and timed), "values",
            "gradients" and "histogram".
        color: what the colour of boxes stands for: "gradient", which is on the chips; or "time", "bytes" or
            "flops", the share of the largest.

    Returns:
        The picture. Nothing is laid out yet.

    Raises:
        ArgumentError: a target that is none of these, a record of another graph, or an unknown style,
            scope, composite, tensor, pass, kind of leaf, number or colour, or no path between two places.
    """
    from graphdiff.arguments import check_flags
    from graphdiff.draw import renderers
    from graphdiff.draw.figures import figures_of
    from graphdiff.draw.paths import on_paths, without
    from graphdiff.draw.scopes import asked_for
    from graphdiff.draw.styles import Options
    from graphdiff.draw.target import subject_of
    from graphdiff.draw.tidying import tidied
    from graphdiff.draw.unfolding import unfold as unfolded
    from graphdiff.errors import ArgumentError

    _check(title, depth, boxes, style=style, show=show, color=color)
    check_flags(local_gradients=local_gradients)
    whole = without(subject_of(target, gradients, show), hide)
    if between is not None:
        whole = on_paths(whole, between)
    asked = asked_for(whole, fold, unfold)
    whole = unfolded(whole, asked.composites)
    drawn = tidied(whole)
    if style == "auto":
        style = _style_for(
            drawn, bool(asked.folded or asked.unfolded or asked.spans or depth is not None), boxes
        )
    if style not in renderers.styles():
        there = ", ".join(map(repr, ["auto", *renderers.styles()]))
        raise ArgumentError(f"style={style!r} is unknown", fix=f"use one of {there}")
    if local_gradients and drawn.record is None:
        raise ArgumentError(
            "local gradients need a backward pass",
            fix="draw(f, gradients=f.backward(), local_gradients=True)",
        )
    unseen = style == "circuit" or show not in ("auto", "forward")
    figures = figures_of(gradients or target, numbers, color, unseen)
    options = Options(title, asked, depth, boxes, local_gradients, figures)
    picture = renderers.drawn(style, drawn, options)
    picture.subject, picture.numbers = whole, figures.numbers
    return picture


def _check(title: str, depth: int | None, boxes: int | None, **names: str) -> None:
    from graphdiff.arguments import check_integers, check_kind
    from graphdiff.errors import ArgumentError

    for name, text in (("title", title), *names.items()):
        check_kind(name, text, str, "give a string")
    for name, value, least in (("depth", depth, 0), ("boxes", boxes, 1)):
        if value is not None:
            check_integers(**{name: value})
            if value < least:
                raise ArgumentError(f"{name}={value} shows nothing", fix=f"give at least {least}")


def _style_for(subject: Subject, folded: bool, boxes: int | None) -> str:
    from graphdiff.draw.building import layers_of
    from graphdiff.draw.words import MOST_LISTED

    sizes = (item.node.spec.size for item in subject.items)
    if not folded and subject.operations <= _MOST_OPERATIONS and all(size <= MOST_LISTED for size in sizes):
        return "circuit"
    few = min(_MOST_LAYERS, boxes or _MOST_LAYERS)
    if folded or subject.operations > _SURELY_MORE:
        return "overview"
    return "tensor" if layers_of(subject) <= few else "overview"
