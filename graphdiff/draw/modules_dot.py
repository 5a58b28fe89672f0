"""Tensor style and overview: boxes from top to bottom, shapes in green, gradient norms on a colour scale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphdiff.draw import markup, palette, words
from graphdiff.draw.arrows import Arrows
from graphdiff.draw.chips import chip
from graphdiff.draw.modules import Box, Norm, Overview, Repeat, norms_in
from graphdiff.draw.subject import STAGES
from graphdiff.draw.titles import TITLE_LENGTH

if TYPE_CHECKING:
    import graphviz

_GRAPH = {
    "rankdir": "TB",
    "ranksep": "0.25",
    "nodesep": "0.3",
    "pad": "0.2",
    "fontsize": "12",
    "fontcolor": palette.CLUSTER_TITLE,
    "labeljust": "l",
    "tooltip": " ",
}
_NODE = {"fontcolor": palette.TITLE, "shape": "plain"}
_EDGE = {"penwidth": "1.6", "arrowsize": "0.6"}
_FILLS = {
    "plain": palette.BOX_FILL,
    "input": palette.INPUT_FILL,
    "result": palette.RESULT_FILL,
    "backward": palette.BACKWARD,
    "update": palette.UPDATE,
}
_STRIP = 150  # the width of a strip in points


def modules_dot(overview: Overview, title: str = "") -> str:
    """The overview as DOT text."""
    panels = len(overview.stages) > 1
    dot = markup.digraph(_GRAPH | ({"newrank": "true"} if panels else {}), _NODE, _EDGE)
    arrows = Arrows(dot, overview)
    _write_heading(dot, title, overview.facts)
    arrows.write_skips()
    _write_boxes(dot, overview)
    arrows.write_others()
    if panels:
        _write_rows(dot, overview)
    if overview.subject.record is not None and any(link.gradient for link in overview.links):
        _write_legend(dot, overview, arrows.feet)
    return str(dot.source)


def _write_heading(dot: graphviz.Digraph, title: str, facts: list[str]) -> None:
    rows = []
    if title:
        rows.append(markup.font(f"<B>{markup.escape(title)}</B>", palette.TITLE, 15))
    if facts:
        rows.append(markup.font(markup.GAP.join(map(markup.escape, facts)), palette.GREY, 10))
    if rows:
        cells = [markup.row(markup.cell(row)) for row in rows]
        space = markup.row(markup.cell(HEIGHT=6))
        dot.attr(label=markup.label(markup.table(*cells, space, CELLPADDING=2)), labelloc="t", labeljust="c")


def _write_boxes(dot: graphviz.Digraph, overview: Overview) -> None:
    clusters: dict[tuple[str, ...], graphviz.Digraph] = {(): dot}
    panels = len(overview.stages) > 1
    for box in sorted(overview.boxes, key=lambda box: STAGES.index(box.stage)):
        path = (box.stage, *box.around) if panels else box.around
        for n in range(1, len(path) + 1):
            if path[:n] not in clusters:
                panel = panels and n == 1
                clusters[path[:n]] = (_panel if panel else _cluster)(len(clusters), path[:n])
        clusters[path].node(box.id, label=_table(box), tooltip=markup.tip(box.tooltip), id=box.id)
    for path in sorted(clusters, key=len, reverse=True):
        if path:
            clusters[path[:-1]].subgraph(clusters[path])


def _panel(number: int, path: tuple[str, ...]) -> graphviz.Digraph:
    """The frame around a part of a training step."""
    return markup.cluster(
        str(number),
        id=f"s{number}",
        label=markup.label(f"<B>{markup.escape(path[0])}</B>"),
        labeljust="c",
        fontsize="13",
        fontcolor=palette.TITLE,
        style="rounded",
        color=palette.NEUTRAL,
        margin="14",
    )


def _cluster(number: int, path: tuple[str, ...]) -> graphviz.Digraph:
    return markup.cluster(
        str(number),
        id=f"s{number}",
        label=markup.label(f"<B>{markup.escape(words.short(path[-1], 32))}</B>"),
        labeljust="l",
        style="rounded,filled",
        color=palette.CLUSTER_EDGE,
        fillcolor=palette.CLUSTER_FILL,
        margin="12",
        tooltip=markup.tip(".".join(path)),
    )


def _table(box: Box) -> str:
    rows = [_title_row(box)]
    if box.gradient and not box.parameters:
        rows.append(
            markup.row(markup.cell(), markup.cell(_chips(box.gradient, _text_on(box)), ALIGN="RIGHT"))
        )
    if box.parameters:
        told = f"{words.count(box.parameters)} params"
        if box.repeat and box.repeat.weights:
            told += f", {box.repeat.weights}"
        chip = markup.cell(_chips(box.gradient, _text_on(box)) if box.gradient else "", ALIGN="RIGHT")
        rows.append(markup.row(markup.cell(markup.font(told, _text_on(box), 10), ALIGN="LEFT"), chip))
    if box.repeat:
        rows += _strip(box.repeat, _text_on(box))
    for text in box.rows:
        content = markup.font(markup.escape(words.short(text, 64)), _text_on(box), 10)
        rows.append(markup.row(markup.cell(content, ALIGN="LEFT", COLSPAN=2)))
    fill = box.color or _FILLS[box.fill]
    return markup.label(
        markup.table(*rows, BORDER=1, CELLPADDING=4, STYLE="ROUNDED", COLOR=palette.BOX_EDGE, BGCOLOR=fill)
    )


def _text_on(box: Box, plain: str = palette.GREY) -> str:
    """The colour of text in a box, readable on a colour that its layer chose."""
    return palette.on(box.color) if box.color else plain


def _title_row(box: Box) -> str:
    text = f"<B>{markup.escape(words.short(box.title, TITLE_LENGTH))}</B>"
    title = markup.font(text, _text_on(box, ""), size=12)
    if not box.kind and not box.repeat:
        return markup.row(markup.cell(title, ALIGN="LEFT", WIDTH=60))
    kind = markup.font(markup.escape(words.short(box.kind, 64)), _text_on(box), 10)
    if box.repeat:
        kind += markup.font(
            f"{markup.BLANK}{markup.BLANK}<B>× {box.repeat.count:,}</B>", _text_on(box, ""), 12
        )
    return markup.row(markup.cell(title, ALIGN="LEFT", WIDTH=70), markup.cell(kind, ALIGN="RIGHT", WIDTH=120))


def _strip(repeat: Repeat, color: str) -> list[str]:
    """One colour for each piece, in order, where any gradient is known."""
    if not any(norm.state == "known" for norm in repeat.strip):
        return []
    between = "," if repeat.beside else " →"
    text = f"{repeat.of} {words.short(repeat.ends[0], 8)}{between} {words.short(repeat.ends[1], 8)}"
    width = _STRIP // len(repeat.strip)
    cells = [_piece(norm, width) for norm in repeat.strip]
    strip = markup.table(markup.row(*cells), CELLSPACING=1)
    return [
        markup.row(
            markup.cell(markup.font(markup.escape(text), color, 10), ALIGN="LEFT"),
            markup.cell(strip, ALIGN="RIGHT"),
        )
    ]


def _piece(norm: Norm, width: int) -> str:
    """One piece's colour; zero, which is no colour, in a frame."""
    if norm.state == "known" and norm.value == 0:
        return markup.cell(WIDTH=width, HEIGHT=12, FIXEDSIZE="TRUE", BORDER=1, COLOR=palette.NEUTRAL)
    return markup.cell(BGCOLOR=_colour(norm), WIDTH=width, HEIGHT=12, FIXEDSIZE="TRUE")


def _colour(norm: Norm) -> str:
    return palette.of_norm(norm.value) if norm.state == "known" else palette.EMPTY


def _chips(gradient: Norm, color: str) -> str:
    name = markup.cell(markup.font("‖∇W‖", color, 10))
    return markup.table(markup.row(name, chip(gradient)), CELLPADDING=3)


def _write_rows(dot: graphviz.Digraph, overview: Overview) -> None:
    """Each box of a later stage in the row of the forward box that it belongs to, from left to right."""
    rows: dict[str, list[str]] = {}
    for box in sorted(overview.boxes, key=lambda box: STAGES.index(box.stage)):
        if box.beside:
            rows.setdefault(box.beside, [box.beside]).append(box.id)
    for ids in rows.values():
        row = markup.same_rank()
        for one, next in itertools.pairwise(ids):
            row.edge(one, next)
        dot.subgraph(row)


def _write_legend(dot: graphviz.Digraph, overview: Overview, feet: Sequence[str]) -> None:
    def text(words: str) -> str:
        return markup.cell(markup.font(words, palette.GREY, 9))

    def colour(value: float, name: str, width: int = 34) -> str:
        fill = palette.of_norm(value)
        return markup.cell(markup.font(name, palette.on(fill), 9), BGCOLOR=fill, WIDTH=width)

    scale = [colour(10.0**power, words.norm(10.0**power)) for power, _ in palette.SCALE]
    row = [text(f"gradient norm: vanishing{markup.BLANK}"), *scale, text(f"{markup.BLANK}exploding")]
    norms = norms_in(overview)
    known = [norm.value for norm in norms if norm.state == "known"]
    if not all(map(math.isfinite, known)):
        row.append(colour(float("nan"), "NaN / ∞", 40))
    if 0 in known:
        row += [markup.cell(WIDTH=6), chip(Norm("known", 0.0)), text("zero")]
    if any(norm.state == "none" for norm in norms):
        row += [markup.cell(WIDTH=6), markup.cell(BGCOLOR=palette.EMPTY, WIDTH=14), text("no gradient here")]
    space = markup.row(markup.cell(HEIGHT=8))
    legend = markup.table(space, markup.row(*row), CELLPADDING=3)
    dot.node("legend", label=markup.label(legend), tooltip="the colour of a gradient's norm")
    tails = {link.tail for link in overview.links}
    for id in [*feet, *(box.id for box in overview.boxes if box.id not in tails)]:
        dot.edge(id, "legend", style="invis")
