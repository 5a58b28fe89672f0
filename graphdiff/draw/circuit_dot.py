"""The circuit style: as lectures draw it, the value above the wire and the gradient below it.

A wire is a table whose horizontal rule is the wire itself, because an edge label of ``dot`` can only stand
beside an edge. The edges on both sides meet the rule where it leaves the table.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from graphdiff.draw import markup, palette, words
from graphdiff.draw.circuit import NO_GRADIENT, Circuit, End, Operator, Wire
from graphdiff.draw.crossings import room_before
from graphdiff.draw.subject import Item

if TYPE_CHECKING:
    import graphviz

_LABEL = 28  # characters of a leaf or result
WIDTH = 46  # the least width of a wire in points
_ROOMY = 7  # characters that leave room in it
_CIRCLE = 4  # glyphs of at most so many characters fit into the circle
_GRAPH = {
    "rankdir": "LR",
    "ranksep": "0.12",
    "nodesep": "0.18",
    "pad": "0.15",
    "splines": "spline",
    "outputorder": "edgesfirst",
    "tooltip": " ",
}
_NODE = {"fontsize": "13", "color": palette.INK, "fontcolor": palette.INK, "penwidth": "1.3"}
_EDGE = {"fontsize": "11", "color": palette.INK, "penwidth": "1", "arrowsize": "0.65"}
_BAD = {"color": palette.NOT_FINITE, "penwidth": "4"}
_BAD_WIRE = {"color": palette.NOT_FINITE, "penwidth": "2"}
_END = {"shape": "plaintext", "margin": "0.03", "height": "0.3", "width": "0.25"}


def circuit_dot(circuit: Circuit, title: str = "") -> str:
    """The circuit as DOT text."""
    # Branches cross one another between two columns, and need room for it.
    room = {"ranksep": "0.2"} if circuit.points else {}
    dot = markup.digraph(_GRAPH | room, _NODE, _EDGE)
    _Writer(dot, circuit).write(title)
    return str(dot.source)


class _Writer:
    def __init__(self, dot: graphviz.Digraph, circuit: Circuit) -> None:
        self.dot = dot
        self.circuit = circuit
        self.show = circuit.subject.show
        self.room = room_before(circuit)
        self.clusters: dict[tuple[int, ...], graphviz.Digraph] = {(): dot}

    def write(self, title: str) -> None:
        self._write_legend(title)
        self._open_clusters()
        for end in (*self.circuit.leaves, *self.circuit.results):
            self._write_end(end)
        for operator in self.circuit.operators:
            self._write_operator(operator)
        for point in self.circuit.points:
            self.clusters[point.inside].node(
                point.id,
                id=point.id,
                label="",
                shape="point",
                width="0.09",
                color=palette.INK,
                tooltip=markup.tip(point.tooltip),
            )
        for wire in self.circuit.wires:
            self.clusters[wire.inside].node(
                wire.id,
                id=wire.id,
                label=_wire_table(wire),
                tooltip=markup.tip(wire.tooltip),
                **_wire_shape(wire),
            )
        self._close_clusters()
        self._keep_order()
        for wire in self.circuit.wires:
            self._connect(wire)
        self._connect_passes()

    def _write_legend(self, title: str) -> None:
        parts = list(_legend(self.circuit)) or ([markup.BLANK] if title else [])
        if not parts:
            return
        legend = markup.font(markup.GAP.join(parts), palette.LEGEND, 10)
        if title:
            heading = markup.font(f"<B>{markup.escape(title)}</B>", palette.TITLE, 15)
            legend = markup.table(
                markup.row(markup.cell(heading)), markup.row(markup.cell(legend)), CELLPADDING=2
            )
        self.dot.attr(label=markup.label(legend), labelloc="t" if title else "b")

    def _open_clusters(self) -> None:
        for number, item in (self.circuit.subject.clusters or {}).items():
            self.clusters[(*item.inside, number)] = markup.cluster(
                str(number),
                label=markup.label(_heading(item)),
                labelloc="t",
                fontsize="12",
                fontcolor=palette.CLUSTER_TITLE,
                style="rounded,filled",
                color=palette.CLUSTER_EDGE,
                fillcolor=palette.CLUSTER_FILL,
                margin="10",
                tooltip=markup.tip(item.node.primitive.name if item.node.primitive else ""),
            )

    def _close_clusters(self) -> None:
        for inside in sorted(self.clusters, key=len, reverse=True):
            if inside:
                self.clusters[inside[:-1]].subgraph(self.clusters[inside])

    def _write_end(self, end: End, color: str = palette.INK, size: str = "15") -> None:
        text = f"<I>{markup.escape(words.subscripted(words.short(end.text, _LABEL)))}</I>"
        self.clusters[end.inside].node(
            end.id,
            id=end.id,
            label=markup.label(text),
            tooltip=markup.tip(end.tooltip),
            fontcolor=color,
            fontsize=size,
            **(_END | (_BAD | {"shape": "box", "style": "rounded"} if end.bad else {})),
        )

    def _write_operator(self, operator: Operator) -> None:
        length = len(operator.glyph)
        shape = {"shape": "circle", "fixedsize": "true", "width": "0.46"}
        if operator.backward:
            shape = {"shape": "box", "fixedsize": "true", "width": "0.46", "height": "0.42"}
        if length > _CIRCLE:
            shape = {"shape": "box", "height": "0.42", "margin": "0.12,0.02"}
        self.clusters[operator.inside].node(
            operator.id,
            id=operator.id,
            label=markup.label(_italic_operands(operator.glyph)),
            fontsize=str({1: 17, 2: 13, 3: 13, 4: 10}.get(length, 12)),
            style="filled" if length <= _CIRCLE and not operator.backward else "rounded,filled",
            fillcolor=palette.BACKWARD if operator.backward else palette.OPERATOR,
            tooltip=markup.tip(operator.tooltip),
            **shape,
            **(_BAD if operator.bad else {}),
        )

    def _keep_order(self) -> None:
        """Hold the leaves of the forward pass in the order in which they were made."""
        if self.show == "backward":
            return
        held = [
            leaf
            for leaf in self.circuit.leaves
            if not leaf.inside and not (leaf.backward and self.show == "both")
        ]
        for prefix in ("n", "w"):
            ids = [prefix + leaf.id[1:] for leaf in held]
            group = markup.same_rank()
            for one, next in itertools.pairwise(ids):
                group.edge(one, next)
            if len(ids) > 1:
                self.dot.subgraph(group)

    def _connect(self, wire: Wire) -> None:
        """An edge on each side of the rule: ``w3-in`` and ``w3-out``."""
        arrow = "normal" if wire.into in ("operator", "result") else "none"
        start, end = (wire.tail, f"{wire.id}:w"), (f"{wire.id}:e", wire.head)
        into = {"arrowhead": "none", "headclip": "false", "weight": "8"}
        out = {"arrowhead": arrow, "tailclip": "false"}
        if wire.head in self.room:
            out["minlen"] = str(self.room[wire.head])
        if wire.backward and self.show == "both":  # drawn from right to left, under the forward pass
            start, end = (f"{wire.id}:e", wire.tail), (wire.head, f"{wire.id}:w")
            into = {"arrowhead": "none", "tailclip": "false", "weight": "8"}
            out = {"dir": "back", "arrowtail": arrow, "headclip": "false"}
        alike = {"tooltip": markup.tip(wire.tooltip), **(_BAD_WIRE if wire.bad else {})}
        self.dot.edge(*start, **into, **alike, id=f"{wire.id}-in")
        if wire.head:
            self.dot.edge(*end, **out, **alike, id=f"{wire.id}-out")

    def _connect_passes(self) -> None:
        for end, operator in self.circuit.loans:
            self._write_end(end, color=palette.VALUE, size="13")
            self.dot.edge(operator, end.id, dir="back", color=palette.VALUE, tooltip=markup.tip(end.tooltip))
        for forward, backward in self.circuit.pairs:
            self.dot.edge(forward, backward, style="invis", minlen="0")


def _wire_shape(wire: Wire) -> dict[str, str]:
    """The shape that edges meet: for a table of the least width one that is a little smaller than the table.

    In a column with wider tables ``dot`` ends edges a point short of the rule, and there would be a gap.
    """
    if wire.local or max(len(wire.above), len(wire.below)) > _ROOMY:
        return {"shape": "plain"}
    side = f"{(WIDTH - 2) / 72:.3f}"
    return {"shape": "none", "margin": "0", "fixedsize": "shape", "width": side, "height": side}


def _wire_table(wire: Wire) -> str:
    color = palette.GRADIENT
    above = [_number(wire.above, palette.VALUE, "BOTTOM")]
    below = [_number(wire.below, palette.LEGEND if wire.below == NO_GRADIENT else color, "TOP")]
    if wire.local:
        above.append(_number("", palette.GREY, "BOTTOM", 36))
        below.append(_number(f"×{words.short(wire.local)}", palette.GREY, "TOP", 36, size=9))
    rule = markup.row(*above) + "<HR/>" + markup.row(*below)
    return markup.label(
        markup.table(rule, CELLPADDING=1, COLOR=palette.NOT_FINITE if wire.bad else palette.INK)
    )


def _number(text: str, color: str, side: str, width: int = WIDTH, size: float = 0) -> str:
    text = markup.escape(text)
    if len(text) > _ROOMY:
        text = f"{markup.BLANK}{text}{markup.BLANK}"  # or an arrow would touch it
    content = markup.font(text, color, size)
    # Both rows are equally high, so that the rule between them is level with the ports.
    return markup.cell(content, ALIGN="CENTER", WIDTH=width, HEIGHT=20, VALIGN=side)


def _italic_operands(glyph: str) -> str:
    return re.sub(r"(?<![A-Za-z])([xy])(?![A-Za-z])", r"<I>\1</I>", markup.escape(glyph))


def _heading(item: Item) -> str:
    """The title of an unfolded composite: its name, what it computes, and its derivative."""
    primitive = item.node.primitive
    assert primitive is not None
    parts = [f"<B>{markup.escape(primitive.name)}</B>"]
    doc = (primitive.__doc__ or "").rstrip(".")
    if doc != primitive.name and len(doc) <= 40:
        parts[0] += f"&#160;&#160;{markup.escape(doc)}"
    if primitive.formula and primitive.formula[0] and len(item.inputs) == 1:
        derivative = f"derivative {primitive.formula[0]}"
        if item.node.spec.size == 1 and item.gradient is not None and (local := item.local(0)):
            derivative += f" = {local}"
        parts.append(markup.escape(derivative))
    return markup.GAP.join(parts)


def _legend(circuit: Circuit) -> Iterable[str]:
    subject = circuit.subject
    what = (
        "value"
        if any(item.value is not None for item in subject.items if item.node.role != "constant")
        else "shape"
    )
    of = markup.escape(words.differentiated(subject.of))
    below = markup.font(f"below: gradient {of}/∂·", palette.GRADIENT)
    if any(wire.above for wire in circuit.wires):
        yield markup.font(f"above: {what}", palette.VALUE)
    if subject.show != "forward":
        yield markup.font(f"below: {what} in the backward pass", palette.GRADIENT)
        if subject.show == "both":
            yield "circle: forward"
        yield "square: backward"
        if circuit.loans:
            yield markup.font("name: a forward value", palette.VALUE)
        return
    if subject.record is None:
        return
    yield below
    if any(wire.below == NO_GRADIENT for wire in circuit.wires):
        yield f"{NO_GRADIENT}: no gradient here"
    if any(wire.local for wire in circuit.wires):
        yield "×: local gradient"
    if circuit.points:
        yield "branch point: gradients add"
