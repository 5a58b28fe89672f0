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
        of their gradient is at least twice or half of what it was. Smaller changes are printed.

    Raises:
        ArgumentError: a style without boxes, or what ``draw`` objects to.
    """
    from graphdiff.draw import words
    from graphdiff.draw.comparison import compared
    from graphdiff.draw.modules_dot import modules_dot

    check_kind("title", title, str, "give a string")
    view = compared(*(_view(target, style, options) for target in (before, after)))

    def coarser(budget: int, why: str) -> Picture:
        fewer = compared(*(_view(target, "overview", {"boxes": budget}) for target in (before, after)))
        fewer.facts.insert(0, f"{words.plural(len(view.boxes) - len(fewer.boxes), 'box')} hidden: {why}")
        return pictured(fewer)

    def pictured(view: Overview) -> Picture:
        dot = modules_dot(view, title)
        return Picture(dot, view, title=title, boxes=len(view.boxes), coarser=coarser)

    return pictured(view)


def _view(target: Any, style: str, options: Mapping[str, Any]) -> Overview:
    from graphdiff.draw import draw
    from graphdiff.draw.modules import Overview

    view = draw(target, style=style, **options).view
    if not isinstance(view, Overview) and style == "auto":
        view = draw(target, style="tensor", **options).view
    if not isinstance(view, Overview):
        raise ArgumentError(f"style={style!r} has no boxes to compare", fix="use 'tensor' or 'overview'")
    return view
