"""Figures in boxes: what the operations of a box cost, what their values are like, and where they went bad.

Without ``numbers`` and with the usual colours nothing is measured. Only whether the results are finite is
looked at, and where they are not, the first bad node is named in the heading and marked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphdiff.arguments import check_choice, entries
from graphdiff.autodiff import Backward
from graphdiff.diagnose.first_bad import Bad, Search
from graphdiff.diagnose.numbers import Numbers, Row, numbers_of, profile, statistics
from graphdiff.diagnose.run import run_of
from graphdiff.diagnose.statistics import Statistics, bad_counts
from graphdiff.draw import palette, words
from graphdiff.draw.first_bad import marked, told
from graphdiff.draw.modules import Box, Overview
from graphdiff.draw.subject import Item
from graphdiff.errors import ArgumentError
from graphdiff.graph import Graph
from graphdiff.tensor import Tensor

_BARS = "▁▂▃▄▅▆▇█"
_BINS = 16
_MOST_PARAMETERS = 3
_OF_VALUES = {"values", "gradients", "histogram"}

Amount = Callable[[Sequence[Row]], float]
COLORS: dict[str, Amount] = {
    "time": lambda rows: sum((row.seconds or 0) + (row.backward_seconds or 0) for row in rows),
    "bytes": lambda rows: sum(row.bytes for row in rows),
    "flops": lambda rows: sum(row.flops + row.backward_flops for row in rows),
}
"""What the colour of a box may stand for, besides the gradient that its chip shows."""


@dataclass(frozen=True)
class Figures:
    """What boxes are to show.

    Attributes:
        shown: which numbers, by the names of :data:`NUMBERS`.
        color: what the colour of a box stands for: "gradient", or one of :data:`COLORS`.
        numbers: the numbers themselves, as far as they are needed.
        bad: the first bad node, if a result is not finite.
    """

    shown: tuple[str, ...] = ()
    color: str = "gradient"
    numbers: Numbers | None = None
    bad: Bad | None = None


def figures_of(
    target: Tensor | Backward | Graph, numbers: str | Collection[str], color: str, unseen: bool
) -> Figures:
    """What is to be shown, measured.

    Args:
        target: what is drawn, with gradients where there are any.
        unseen: whether the picture has no boxes of forward operations to show numbers in.

    Raises:
        ArgumentError: unknown numbers or colours, values of a graph without them, or nowhere to show them.
    """
    asked = (numbers,) if isinstance(numbers, str) else tuple(entries("numbers", numbers))
    _check(asked, color)
    shown = tuple(dict.fromkeys([*asked, *([color] if color != "gradient" else [])]))
    if shown and unseen:
        raise ArgumentError(
            "numbers stand in the boxes of the forward pass",
            fix='draw(..., style="tensor" or "overview", show="forward")',
        )
    if isinstance(target, Graph) and (_OF_VALUES | {"time"}) & set(shown):
        raise ArgumentError("a graph has no values", fix="draw a tensor, or the record of a backward pass")
    bad = None if isinstance(target, Graph) else _first_bad(target)
    return Figures(shown, color, _measured(target, shown) if shown else None, bad)


def _check(asked: Sequence[str], color: str) -> None:
    for name in asked:
        check_choice("numbers", name, NUMBERS)
    if color not in ("gradient", *COLORS):
        raise ArgumentError(f"color={color!r} is unknown", fix=f"use gradient, {', '.join(COLORS)}")


def _measured(target: Any, shown: Collection[str]) -> Numbers:
    """All that is shown, and nothing that is not."""
    found = profile(target) if "time" in shown else numbers_of(run_of(target))
    if not _OF_VALUES & set(shown):
        return found
    facts = statistics(target, bins=_BINS if "histogram" in shown else 0)
    return Numbers(
        tuple(
            replace(row, value=facts[row.node.id].value, gradient=facts[row.node.id].gradient)
            for row in found.rows
        )
    )


def _first_bad(target: Any) -> Bad | None:
    """The first bad node, looked for only where a result is bad: its own checks are all that costs."""
    results = [target]
    if isinstance(target, Backward):
        results = [target.output, *map(target.upstream, target.wanted)]
    if all(t.data is None for t in results) or not any(map(any, bad_counts(results))):
        return None
    run = run_of(target)
    search = Search(run)
    return search.reaching(run.forward) or search.first(n for n in run.graph if n.role == "backward")


def annotated(view: Overview, figures: Figures) -> None:
    """Write the figures into the boxes of a view, and the first bad node into its heading and its box."""
    rows = [_rows_of(box, view.subject.items, figures.numbers) for box in view.boxes]
    if figures.numbers is not None:
        view.boxes = [
            replace(box, rows=(*box.rows, *_texts(box, own, view, figures)))
            for box, own in zip(view.boxes, rows, strict=True)
        ]
        _tint(view, rows, figures.color)
    if figures.bad is not None:
        view.facts.insert(0, told(figures.bad))
        view.boxes = [marked(box, view.subject.items, figures.bad) for box in view.boxes]


def _rows_of(box: Box, items: Sequence[Item], numbers: Numbers | None) -> list[Row]:
    ids = [items[i].node.id for i in box.members]
    return [numbers[i] for i in ids if i in numbers] if numbers is not None else []


def _tint(view: Overview, rows: Sequence[Sequence[Row]], color: str) -> None:
    """Colour boxes by their share of the largest amount; the amount itself is a row of each."""
    if color not in COLORS:
        return
    amounts = [COLORS[color](own) for own in rows]
    most = max(amounts, default=0) or 1
    view.boxes = [
        replace(box, color=palette.of_share(amount / most)) if _computes(own) else box
        for box, own, amount in zip(view.boxes, rows, amounts, strict=True)
    ]
    view.facts.append(f"colour of boxes: {color}, the darker the more")


def _texts(box: Box, rows: Sequence[Row], view: Overview, figures: Figures) -> list[str]:
    if not rows:
        return []
    parameters = _parameters(box, view.subject.items)
    texts = [[NUMBERS[name](rows, parameters) for name in line if name in figures.shown] for line in _LINES]
    return [" · ".join(filter(None, line)) for line in texts if any(line)]


def _computes(rows: Sequence[Row]) -> bool:
    return any(row.node.primitive is not None for row in rows)


def _parameters(box: Box, items: Sequence[Item]) -> list[Item]:
    found = dict.fromkeys(k for i in box.members for k in items[i].inputs)
    return [items[k] for k in found if items[k].node.role == "parameter"]


# A row of text each: what is shown of the operations of a box, or of the last of them


def _shape(rows: Sequence[Row], _: Sequence[Item]) -> str:
    return f"out {words.spec(rows[-1].spec)}"


def _shapes(rows: Sequence[Row], parameters: Sequence[Item]) -> str:
    shown = parameters[:_MOST_PARAMETERS]
    each = [f"{p.node.name.rpartition('.')[2]} {words.shape(p.node.spec.shape)}".strip() for p in shown]
    return ", ".join(each + ["…"] * (len(parameters) > len(shown)))


def _flops(rows: Sequence[Row], _: Sequence[Item]) -> str:
    forward, backward = (sum(getattr(r, name) for r in rows) for name in ("flops", "backward_flops"))
    if not _computes(rows):
        return ""
    return f"{words.count(forward)} FLOPs" + (f", {words.count(backward)} back" if backward else "")


def _bytes(rows: Sequence[Row], _: Sequence[Item]) -> str:
    return f"{words.count(sum(row.bytes for row in rows))} bytes"


def _time(rows: Sequence[Row], _: Sequence[Item]) -> str:
    forward, backward = (
        1000 * sum(getattr(r, name) or 0 for r in rows) for name in ("seconds", "backward_seconds")
    )
    if not _computes(rows):
        return ""
    return f"{words.norm(forward)} ms" + (f", {words.norm(backward)} ms back" if backward else "")


def _values(rows: Sequence[Row], _: Sequence[Item]) -> str:
    return f"values {rows[-1].value}" if rows[-1].value and rows[-1].spec.size > 1 else ""


def _gradients(rows: Sequence[Row], _: Sequence[Item]) -> str:
    return f"∇ {rows[-1].gradient}" if rows[-1].gradient and rows[-1].spec.size > 1 else ""


def _histogram(rows: Sequence[Row], _: Sequence[Item]) -> str:
    parts = (("values", rows[-1].value), ("∇", rows[-1].gradient))
    return "   ".join(f"{name} {_drawn(facts)}" for name, facts in parts if facts and facts.spec.size > 1)


def _drawn(facts: Statistics) -> str:
    most = max(facts.histogram) or 1
    steps = (-(-n * (len(_BARS) - 1) // most) for n in facts.histogram)
    return "".join(_BARS[step] for step in steps)


NUMBERS: dict[str, Callable[[Sequence[Row], Sequence[Item]], str]] = {
    "shape": _shape,
    "parameters": _shapes,
    "flops": _flops,
    "bytes": _bytes,
    "time": _time,
    "values": _values,
    "gradients": _gradients,
    "histogram": _histogram,
}
"""What a box may show, by name."""

_LINES = (
    ("shape", "bytes"),
    ("parameters",),
    ("flops", "time"),
    ("values",),
    ("gradients",),
    ("histogram",),
)
