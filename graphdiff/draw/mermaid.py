"""Mermaid flowcharts: a picture as text that GitHub, GitLab and many editors draw."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from graphdiff.draw import palette, words
from graphdiff.draw.circuit import Circuit, Wire
from graphdiff.draw.modules import Box, Link, Norm, Overview
from graphdiff.errors import DrawingError

if TYPE_CHECKING:
    from graphdiff.draw.picture import Picture

# What Mermaid draws unless it is configured otherwise: maxTextSize and maxEdges.
_MOST_CHARACTERS, _MOST_EDGES = 50_000, 500
_PLAIN = re.compile(r"\.(?!\w)|[^\w .−+×÷=·•,…‖∇∂∞√²³⁻¹ΣΠ-]")

_CLASSES = {
    "input": f"fill:{palette.INPUT_FILL},stroke:{palette.BOX_EDGE},color:{palette.INK}",
    "result": f"fill:{palette.RESULT_FILL},stroke:{palette.BOX_EDGE},color:{palette.INK}",
    "backward": f"fill:{palette.BACKWARD},stroke:{palette.GRADIENT},color:{palette.INK}",
    "update": f"fill:{palette.UPDATE},stroke:{palette.BOX_EDGE},color:{palette.INK}",
    "plain": f"fill:{palette.BOX_FILL},stroke:{palette.BOX_EDGE},color:{palette.INK}",
    "bad": f"fill:{palette.NOT_FINITE},stroke:{palette.INK},color:{palette.on(palette.NOT_FINITE)}",
}


def mermaid(picture: Picture, **_: Any) -> str:
    """The picture as a Mermaid flowchart, in fewer boxes where Mermaid would refuse so many.

    Raises:
        DrawingError: a picture of a plugin's style, or one that cannot be folded enough.
    """
    text, edges = _flowchart(picture)
    while len(text) > _MOST_CHARACTERS or edges > _MOST_EDGES:
        coarser = picture.coarser(
            f"Mermaid draws at most {_MOST_EDGES} edges and {_MOST_CHARACTERS:,} letters"
        )
        if coarser is None:
            raise DrawingError(f"{edges} edges are too many for Mermaid", fix="draw it in fewer boxes")
        picture = coarser
        text, edges = _flowchart(picture)
    return text


def _flowchart(picture: Picture) -> tuple[str, int]:
    view = picture.view
    if isinstance(view, Overview):
        direction, lines, edges, facts = "TB", _boxes(view), [_link(x) for x in view.links], view.facts
    elif isinstance(view, Circuit):
        direction, lines, edges, facts = "LR", _circuit(view), [_wire(w) for w in view.wires if w.head], []
    else:
        raise DrawingError("this picture's style knows no Mermaid", fix="draw it in a built-in style")
    heading = " · ".join(filter(None, (words.clean(picture.title), *facts)))
    front = ["---", f"title: {json.dumps(heading, ensure_ascii=False)}", "---"] if heading else []
    classes = [f"classDef {name} {style}" for name, style in _CLASSES.items()]
    body = [f"  {line}" for line in (*lines, *edges, *classes)]
    return "\n".join([*front, f"flowchart {direction}", *body, ""]), len(edges)


def _boxes(view: Overview) -> Iterator[str]:
    """Boxes inside their scopes, and these inside the part of a training step where several are shown."""
    numbers: dict[tuple[str, ...], int] = {}
    panels = len(view.stages) > 1

    def frames(box: Box) -> tuple[str, ...]:
        return (box.stage, *box.around) if panels else box.around

    def within(boxes: list[Box], depth: int) -> Iterator[str]:
        inside: dict[tuple[str, ...], list[Box]] = {}
        for box in boxes:
            if len(frames(box)) > depth:
                inside.setdefault(frames(box)[: depth + 1], []).append(box)
            else:
                yield f"{box.id}[{_text(_rows(box))}]:::{_class(box)}"
                if box.color:
                    yield f"style {box.id} fill:{box.color},color:{palette.on(box.color)}"
        for path, members in inside.items():
            yield f"subgraph s{numbers.setdefault(path, len(numbers))}[{_text([path[-1]])}]"
            yield from (f"  {line}" for line in within(members, depth + 1))
            yield "end"
            yield f"style s{numbers[path]} fill:{palette.CLUSTER_FILL},stroke:{palette.CLUSTER_EDGE}"

    return within(view.boxes, 0)


def _rows(box: Box) -> Iterator[str]:
    yield words.short(box.title, 28)
    yield words.short(box.kind, 48)
    if box.repeat:
        yield f"× {box.repeat.count}" + (f", {box.repeat.weights} weights" if box.repeat.weights else "")
    if box.parameters:
        yield f"{words.count(box.parameters)} params"
    yield from (words.short(row, 64) for row in box.rows)
    if box.gradient:
        yield f"‖∇W‖ {_norm(box.gradient)}" if box.gradient.state == "known" else _norm(box.gradient)


def _class(box: Box) -> str:
    bad = box.gradient and box.gradient.state == "known" and not box.gradient.value < float("inf")
    return "bad" if bad else box.fill


def _norm(norm: Norm) -> str:
    return {"not yet": "no backward yet", "none": "no gradient here"}.get(norm.state) or words.norm(
        norm.value
    )


def _link(link: Link) -> str:
    rows = [link.text]
    if link.gradient is not None:
        rows.append(f"‖∇‖ {_norm(link.gradient)}" if link.gradient.state == "known" else _norm(link.gradient))
    return _edge(link.tail, link.head, rows)


def _circuit(view: Circuit) -> Iterator[str]:
    for end in (*view.leaves, *(loan for loan, _ in view.loans)):
        yield f"{end.id}[{_text([words.subscripted(words.short(end.text, 28))])}]:::input"
    for operator in view.operators:
        label = _text([operator.glyph])
        yield (
            f"{operator.id}[{label}]:::backward" if operator.backward else f"{operator.id}(({label})):::plain"
        )
    yield from (f"{point.id}(({_text(['•'])})):::plain" for point in view.points)
    for end in view.results:
        yield f"{end.id}[{_text([words.subscripted(words.short(end.text, 28))])}]:::result"
    yield from (_edge(loan.id, user, []) for loan, user in view.loans)


def _wire(wire: Wire) -> str:
    if wire.backward:
        return _edge(wire.tail, wire.head, [wire.below])
    return _edge(
        wire.tail, wire.head, [wire.above, wire.below and f"∇ {wire.below}", wire.local and f"× {wire.local}"]
    )


def _edge(tail: str, head: str, rows: Iterable[str]) -> str:
    shown = [row for row in rows if row]
    return f"{tail} -->|{_text(shown)}| {head}" if shown else f"{tail} --> {head}"


def _text(rows: Iterable[str]) -> str:
    """A quoted label; every character that could be markup is written as its code."""
    escaped = (_PLAIN.sub(lambda match: f"#{ord(match[0])};", words.clean(row)) for row in rows if row)
    return f'"{"<br/>".join(escaped) or "#160;"}"'
