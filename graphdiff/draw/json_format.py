"""Pictures as JSON: the graph, the numbers of its nodes and edges, and the boxes that were drawn.

The graph is that of :mod:`graphdiff.interop.graph_json`, and can be read back with ``Graph.from_json``. In
addition a node has ``value`` and ``gradient``, an edge the ``gradient`` that it passed back, each with::

    {"norm": 5.0, "min": 3.0, "max": 4.0, "mean": 3.5, "data": [3.0, 4.0]}

of the finite elements; ``nan`` and ``infinite`` count the others, where there are any, and ``data`` is there
for up to 16 elements. A node without a gradient says why: ``"gradient": "not yet"`` before
any backward pass, ``"none"`` where the pass did not come along. Then there is what the picture shows::

    {"title": "…", "facts": ["batch 32"],
     "boxes": [{"id": "b0", "title": "conv1", "kind": "conv2d", "scope": "features.conv1",
                "around": ["features"], "members": [5, 7], "repeat": 1, "parameters": 156, "rows": [],
                "stage": "forward", "beside": "", "change": ""}],
     "links": [{"tail": "n0", "head": "b0", "text": "32×1×28×28"}]}

where ``members`` are ids of nodes (an operation that is drawn as part of a wire is in no box), ``repeat`` is
how many equal pieces a box stands for, ``stage`` the part of a training step that it belongs to, and
``beside`` the forward box that it came from. In a picture of two graphs, ``change`` is what became of a box:
"added", "removed" or "changed"; the nodes are those of the second graph. Ids of boxes are those of the DOT
text and of the SVG.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.diagnose.statistics import statistics_of
from graphdiff.draw import words
from graphdiff.draw.circuit import Circuit
from graphdiff.draw.modules import Overview
from graphdiff.draw.subject import Item, Subject
from graphdiff.errors import DrawingError
from graphdiff.graph import Graph, Shape
from graphdiff.interop.graph_json import JSON, MOST_WRITTEN, numbers, to_json
from graphdiff.tensor import Tensor

if TYPE_CHECKING:
    from graphdiff.draw.picture import Picture


def json_text(picture: Picture, **_: Any) -> str:
    """The picture as JSON text.

    Raises:
        DrawingError: a picture that ``draw`` did not make.
    """
    subject = picture.subject
    if subject is None:
        raise DrawingError("this picture is not of one graph", fix="save what draw(...) returned")
    found = to_json(_graph(subject))
    known = _Numbers(subject)
    for node, item in zip(found["nodes"], subject.items, strict=True):
        node |= known.of_node(item)
    for edge in found["edges"]:
        passed = subject.items[edge["head"]].passed_tensor(edge["argnum"])
        if passed is not None and passed.data is not None:
            edge["gradient"] = known.of(passed, subject.items[edge["tail"]].node.spec.shape)
    found |= {"title": picture.title, **_drawn(picture.view, subject)}
    return json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False)


class _Numbers:
    """The numbers of all tensors in a subject, worked out where they lie."""

    def __init__(self, subject: Subject) -> None:
        passed = (
            item.passed_tensor(k)
            for item in subject.items
            if item.record is not None and item.node.primitive is not None
            for k in range(len(item.inputs))
        )
        shown = (t for item in subject.items for t in (item.shown, item.upstream))
        known = {t.id: t for t in (*shown, *passed) if t is not None and t.data is not None}
        self.facts = dict(zip(known, statistics_of([*known.values()]), strict=True))

    def of_node(self, item: Item) -> JSON:
        found: JSON = {"gradient": "not yet" if item.record is None else "none"}
        if item.shown is not None and item.shown.data is not None:
            found["value"] = self.of(item.shown, item.node.spec.shape)
        if item.upstream is not None and item.upstream.data is not None:
            found["gradient"] = self.of(item.upstream, item.node.spec.shape)
        return found

    def of(self, t: Tensor, shape: Shape) -> JSON:
        """Norm, least, greatest and mean, and the numbers themselves where they are few."""
        found: JSON = {}
        facts = self.facts[t.id]
        if t.size and t.dtype != "bool":
            names = ("norm", "min", "max", "mean")
            found = {name: numbers(np.asarray(getattr(facts, name))) for name in names}
            found |= {name: n for name in ("nan", "infinite") if (n := getattr(facts, name))}
        if t.size <= MOST_WRITTEN:
            found["data"] = numbers(t.numpy().reshape(shape))
        return found


def _graph(subject: Subject) -> Graph:
    """The nodes of a subject as a graph, under their numbers."""
    place = {item.node.id: i for i, item in enumerate(subject.items)}
    nodes = [
        replace(item.node, id=i, inputs=item.inputs, origin=place.get(item.node.origin or -1))
        for i, item in enumerate(subject.items)
    ]
    constants = {
        i: item.tensor
        for i, item in enumerate(subject.items)
        if item.node.role == "constant" and item.tensor is not None
    }
    return Graph(nodes, tuple(i for i, _ in subject.outputs), constants)


def _drawn(view: Any, subject: Subject) -> JSON:
    """The boxes and links of a view, their members by the numbers of the subject."""
    if isinstance(view, Circuit):
        return _circuit(view, _numbering(view.subject, subject))
    if not isinstance(view, Overview):
        return {"facts": [], "boxes": [], "links": []}
    number = _numbering(view.subject, subject)
    boxes = [
        {
            "id": box.id,
            "title": words.clean(box.title),
            "kind": words.clean(box.kind),
            "scope": box.scope,
            "around": list(box.around),
            "members": [number[i] for i in box.members],
            "repeat": box.repeat.count if box.repeat else 1,
            "parameters": box.parameters,
            "rows": list(box.rows),
            "stage": box.stage,
            "beside": box.beside,
            "change": box.change,
        }
        for box in view.boxes
    ]
    links = [{"tail": link.tail, "head": link.head, "text": link.text} for link in view.links]
    return {"facts": list(view.facts), "boxes": boxes, "links": links}


def _circuit(view: Circuit, number: Sequence[int]) -> JSON:
    def box(id: str, title: str, kind: str, item: int) -> JSON:
        plain = {
            "scope": "",
            "around": [],
            "members": [number[item]],
            "repeat": 1,
            "parameters": 0,
            "rows": [],
        }
        stage = view.subject.items[item].stage
        return {"id": id, "title": words.clean(title), "kind": kind, **plain, "stage": stage}

    boxes = [box(leaf.id, leaf.text, "leaf", int(leaf.id[1:])) for leaf in view.leaves]
    boxes += [
        box(operator.id, operator.glyph, "operator", int(operator.id[1:])) for operator in view.operators
    ]
    boxes += [box(point.id, "", "branch", int(point.id[1:])) for point in view.points]
    outputs = view.subject.outputs
    boxes += [box(end.id, end.text, "result", outputs[int(end.id[3:])][0]) for end in view.results]
    wires = [wire for wire in view.wires if wire.head]
    links = [{"tail": w.tail, "head": w.head, "text": w.below if w.backward else w.above} for w in wires]
    return {"facts": [], "boxes": boxes, "links": links}


def _numbering(tidied: Subject, subject: Subject) -> list[int]:
    place = {item.node.id: i for i, item in enumerate(subject.items)}
    return [place[item.node.id] for item in tidied.items]
