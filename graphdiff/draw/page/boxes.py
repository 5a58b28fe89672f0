"""A picture of two graphs as what the page knows: each box a node, to be found, told and traced."""

from __future__ import annotations

from graphdiff.draw import words
from graphdiff.draw.modules import Box, Overview
from graphdiff.draw.page.statistics import JSON


def boxes_of(view: Overview) -> JSON:
    """The data of a page: the boxes as nodes, and the number of each by its id in the picture."""
    place = {box.id: n for n, box in enumerate(view.boxes)}
    operands: dict[str, list[int]] = {box.id: [] for box in view.boxes}
    for link in view.links:
        operands[link.head].append(place[link.tail])
    return {
        "kind": "circuit",
        "facts": view.facts,
        "nodes": [_node(box, view) | {"inputs": operands[box.id]} for box in view.boxes],
        "places": place,
        "results": [],
        "hidden": [],
    }


def _node(box: Box, view: Overview) -> JSON:
    found = {
        "name": words.clean(box.title),
        "role": box.change or box.fill,
        "doc": words.clean(box.kind),
        "scope": box.scope,
        "rows": list(box.rows),
        "shape": words.shape(view.subject.items[box.members[-1]].node.spec.shape) if box.members else "",
    }
    return {key: value for key, value in found.items() if value}
