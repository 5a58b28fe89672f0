"""Two graphs, or two runs of one, as one picture: what was added, removed and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphdiff.arguments import check_kind
from graphdiff.draw.picture import Picture
from graphdiff.errors import ArgumentError

if TYPE_CHECKING:
    from graphdiff.autodiff import Backward
    from graphdiff.draw.modules import Overview
    from graphdiff.draw.subject import Subject
    from graphdiff.graph import Graph
    from graphdiff.tensor import Tensor


def draw_diff(
    before: Tensor | Backward | Graph,
    after: Tensor | Backward | Graph,
    *,
    title: str = "",
    style: str = "auto",
    **options: Any,
) -> Picture:
    """Draw what differs between two graphs, or between the numbers of two runs.

    >>> draw_diff(loss_of(model).backward(), loss_of(wider).backward()).save("diff.svg")

    Args:
        before, after: what :func:`draw` takes.
        title: a heading.
        style: ``"tensor"`` or ``"overview"``; ``"auto"`` takes what ``draw`` would, but no circuit.
        options: others of :func:`draw`.

    Returns:
        The boxes of both. Those of one alone are marked as added or removed; those of both as changed where
        they do something else, have another shape or other parameters, or where the norm of their result or
        of their gradient is at least twice or half of what it was. Smaller changes are printed. Its JSON is
        that of the second graph with the boxes of both; its page finds, tells and traces boxes.

    Raises:
        ArgumentError: a style without boxes, or what ``draw`` objects to.
    """
    from graphdiff.draw import words
    from graphdiff.draw.comparison import compared
    from graphdiff.draw.modules_dot import modules_dot

    check_kind("title", title, str, "give a string")
    (old, _), (new, subject) = (_drawn(target, style, options) for target in (before, after))
    whole = compared(old, new)

    def coarser(budget: int, why: str) -> Picture:
        (a, _), (b, _) = (_drawn(target, "overview", {"boxes": budget}) for target in (before, after))
        fewer = compared(a, b)
        fewer.facts.insert(0, f"{words.plural(len(whole.boxes) - len(fewer.boxes), 'box')} hidden: {why}")
        return pictured(fewer)

    def pictured(view: Overview) -> Picture:
        picture = Picture(modules_dot(view, title), view, title=title, boxes=len(view.boxes), coarser=coarser)
        picture.subject = subject
        return picture

    return pictured(whole)


def _drawn(target: Any, style: str, options: Mapping[str, Any]) -> tuple[Overview, Subject | None]:
    """The boxes of a graph, and what they were made from."""
    from graphdiff.draw import draw
    from graphdiff.draw.modules import Overview

    picture = draw(target, style=style, **options)
    if not isinstance(picture.view, Overview) and style == "auto":
        picture = draw(target, style="tensor", **options)
    if not isinstance(picture.view, Overview):
        raise ArgumentError(f"style={style!r} has no boxes to compare", fix="use 'tensor' or 'overview'")
    return picture.view, picture.subject
