"""Pieces of DOT: escaped text, HTML-like labels, and an empty graph to fill, all quoted by ``graphviz``."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphdiff.draw.words import clean

if TYPE_CHECKING:
    import graphviz

FONT = "Helvetica,Arial,sans-serif"
GAP = "&#160;&#160;·&#160;&#160;"
BLANK = "&#160;"


def digraph(graph: Mapping[str, str], node: Mapping[str, str], edge: Mapping[str, str]) -> graphviz.Digraph:
    """An empty directed graph with defaults; text uses fonts that every viewer has a likeness of."""
    import graphviz

    font = {"fontname": FONT}
    return graphviz.Digraph(
        "graphdiff",
        graph_attr={**graph, **font, "bgcolor": "white"},
        node_attr={**node, **font},
        edge_attr={**edge, **font},
    )


def cluster(name: str, **attributes: str) -> graphviz.Digraph:
    """An empty cluster, to be added with ``subgraph``."""
    import graphviz

    return graphviz.Digraph(f"cluster_{name}", graph_attr=attributes)


def same_rank() -> graphviz.Digraph:
    """An empty group whose nodes will stand in one row or column."""
    import graphviz

    return graphviz.Digraph(graph_attr={"rank": "same"}, edge_attr={"style": "invis"})


def tip(text: str) -> str:
    """A tooltip that shows the text as it is."""
    import graphviz

    # Graphviz itself turns entities in plain strings into characters.
    return graphviz.escape(clean(text).replace("&", "&amp;") or " ")  # type: ignore[no-any-return]


def escape(text: str) -> str:
    """The text as one line inside an HTML-like label; never empty."""
    return html.escape(clean(text)) or BLANK


def font(content: str, color: str = "", size: float = 0) -> str:
    """Content in a colour and a size; content is markup already."""
    attributes = (f' COLOR="{color}"' if color else "") + (f' POINT-SIZE="{size:g}"' if size else "")
    return f"<FONT{attributes}>{content}</FONT>" if attributes else content


def cell(content: str = "", **attributes: str | int) -> str:
    """A table cell; attributes in DOT's spelling."""
    return f"<TD{_attributes(attributes)}>{content}</TD>"


def row(*cells: str) -> str:
    return f"<TR>{''.join(cells)}</TR>"


def table(*rows: str, **attributes: str | int) -> str:
    """A table, borderless and without spacing unless told otherwise."""
    plain: dict[str, str | int] = {"BORDER": 0, "CELLBORDER": 0, "CELLSPACING": 0, "CELLPADDING": 0}
    return f"<TABLE{_attributes({**plain, **attributes})}>{''.join(rows)}</TABLE>"


def label(content: str) -> str:
    """Markup as the value of a ``label`` attribute."""
    return f"<{content}>"


def _attributes(attributes: Mapping[str, str | int]) -> str:
    return "".join(f' {name}="{value}"' for name, value in attributes.items())
