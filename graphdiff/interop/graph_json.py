"""Graphs as JSON, and back.

A graph is an object of three lists, its nodes numbered from 0 in topological order::

    {"format": "graphdiff", "version": 1,
     "nodes": [{"id": 2, "name": "q", "role": "forward", "primitive": "add", "params": {},
                "shape": [], "dtype": "float64", "scope": "", "origin": null, "source": "me.py:3"}],
     "edges": [{"tail": 0, "head": 2, "argnum": 0}],
     "outputs": [2]}

``primitive`` is null for a leaf, ``role`` is one of input, parameter, constant, forward, backward and update,
``origin`` the forward node that a backward node came from, ``argnum`` the place of an operand among those of
its user. A constant of few elements has them as ``constant``, a nested list. In parameters a tuple is a list,
and what JSON has no word for is an object: ``{"float": "inf"}``, ``{"slice": [0, 3, null]}``,
``{"ellipsis": true}``. NaN and infinities in numbers are the texts ``"nan"``, ``"inf"`` and ``"-inf"``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from graphdiff.arguments import check_kind
from graphdiff.errors import GraphdiffError, GraphError
from graphdiff.graph import Graph, Node, TensorSpec
from graphdiff.plugins import Registry
from graphdiff.primitive import Primitive

FORMAT, VERSION = "graphdiff", 1
MOST_WRITTEN = 16
"""A constant of at most this many elements is written out."""

_FIX = 'save one: draw(f).save("graph.json")'
_KINDS: dict[str, Any] = {
    "name": str,
    "scope": str,
    "source": str,
    "params": dict,
    "origin": (int, type(None)),
}
_DEFINING = ("primitives", "layers", "losses", "optimizers")

JSON = dict[str, Any]


def to_json(graph: Graph) -> JSON:
    """The graph as what ``json.dumps`` takes."""
    place = {node.id: n for n, node in enumerate(graph)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "nodes": [_node(node, place, graph.constants.get(node.id)) for node in graph],
        "edges": [
            {"tail": place[i], "head": place[node.id], "argnum": argnum}
            for node in graph
            for argnum, i in enumerate(node.inputs)
        ],
        "outputs": [place[i] for i in graph.outputs],
        "state": graph.state,
    }


def from_json(text: str | bytes) -> Graph:
    """The graph that JSON text holds; what else the text holds is left alone.

    Raises:
        GraphError: no JSON of a graph, a version that is not known here, a primitive that nothing in this
            process defines, a parameter that JSON could not hold, or a structure that is no graph.
    """
    found = _checked(text)
    try:
        inputs: dict[int, dict[int, int]] = {}
        for edge in found["edges"]:
            inputs.setdefault(edge["head"], {})[edge["argnum"]] = edge["tail"]
        operands = {head: tuple(tails[k] for k in range(len(tails))) for head, tails in inputs.items()}
        nodes = [_read(node, operands.get(node["id"], ())) for node in found["nodes"]]
        constants = {n["id"]: _constant(n) for n in found["nodes"] if n.get("constant") is not None}
        return Graph(nodes, tuple(found["outputs"]), constants, found.get("state", 0))
    except GraphError as problem:
        problem.fix = problem.fix or _FIX
        raise
    except Exception as problem:  # the rule of a primitive that is given any parameters may raise anything
        raise GraphError(
            f"the JSON describes no graph: {type(problem).__name__} {problem}", fix=_FIX
        ) from problem


def numbers(values: np.ndarray[Any, Any]) -> Any:
    """An array as nested lists; NaN and infinities as text."""
    if values.ndim:
        return [numbers(row) for row in values]
    number = values.item()
    return number if not isinstance(number, float) or math.isfinite(number) else repr(number)


def _node(node: Node, place: Mapping[int, int], constant: Any) -> JSON:
    found: JSON = {
        "id": place[node.id],
        "name": node.name,
        "role": node.role,
        "primitive": node.primitive.name if node.primitive else None,
        "params": {name: _param(value) for name, value in node.params.items()},
        "shape": list(node.spec.shape),
        "dtype": str(node.spec.dtype),
        "scope": node.scope,
        "origin": place.get(node.origin) if node.origin is not None else None,
        "source": node.source,
    }
    if node.again:
        found["again"] = node.again
    if constant is not None and constant.data is not None and node.spec.size <= MOST_WRITTEN:
        found["constant"] = numbers(constant.numpy())
    return found


def _param(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (tuple, list)):
        return [_param(part) for part in value]
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, slice):
        return {"slice": [_param(part) for part in (value.start, value.stop, value.step)]}
    return {"object": type(value).__name__}


def _read_param(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read_param(part) for part in value)
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float(content)
    if kind == "ellipsis":
        return Ellipsis
    if kind == "slice":
        return slice(*(_read_param(part) for part in content))
    raise GraphError(
        f"a parameter is a {content}, which JSON cannot hold", fix="make the graph again where it was made"
    )


def _checked(text: str | bytes) -> JSON:
    check_kind("text", text, (str, bytes), "give what to_json() gave")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise GraphError(f"this is no JSON: {problem}", fix=_FIX) from problem
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise GraphError("this JSON is no graph", fix=_FIX)
    if found.get("version") != VERSION:
        raise GraphError(
            f"this JSON is of version {found.get('version')}, known here is {VERSION}", fix="update graphdiff"
        )
    return found


def _read(node: JSON, inputs: tuple[int, ...]) -> Node:
    for name, kind in _KINDS.items():
        if not isinstance(node[name], kind):
            raise TypeError(f"{name}={node[name]!r}")
    return Node(
        id=node["id"],
        primitive=None if node["primitive"] is None else _primitive(node["primitive"]),
        inputs=inputs,
        params={name: _read_param(value) for name, value in node["params"].items()},
        spec=TensorSpec(node["shape"], node["dtype"]),
        name=node["name"],
        scope=node["scope"],
        role=node["role"],
        origin=node["origin"],
        source=node["source"],
        again=node.get("again", 0),
    )


def _primitive(name: str) -> Primitive:
    """The primitive of that name; plugins that define operations are loaded only where it is not known."""
    try:
        return Primitive.named(name)
    except GraphError:
        for registry in map(Registry, _DEFINING):
            for info in registry.list():
                with suppress(GraphdiffError):  # a broken plugin is none of the others' affair
                    registry[info.qualified]
        return Primitive.named(name)


def _constant(node: JSON) -> Any:
    from graphdiff.leaf import tensor

    value = np.array(node["constant"], dtype=object)
    plain = [float(x) if isinstance(x, str) else x for x in value.ravel()]
    dtype = TensorSpec(node["shape"], node["dtype"]).dtype
    return tensor(np.array(plain, dtype=dtype.host).reshape(node["shape"]), dtype=dtype)
