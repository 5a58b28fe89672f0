"""What the page knows of every node: structure, numbers of value and gradient, and what each edge passed on.

Everything here becomes JSON. A number that JSON has no word for, NaN or an infinity, is written as text.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphdiff.draw import words
from graphdiff.draw.subject import Array, Item, Subject
from graphdiff.primitive import Composite

MOST_PRINTED = 16
"""A tensor of at most this many elements is printed in full."""

JSON = dict[str, Any]


def nodes_of(subject: Subject) -> list[JSON]:
    """Every node of the subject, in topological order; operands are told by their place in the list."""
    return [_node(subject, i, item) for i, item in enumerate(subject.items)]


def statistics(values: Array | None) -> JSON | None:
    """Text, norm and spread of an array: all that is said of it in a page."""
    if values is None:
        return None
    if values.dtype.kind == "b" or not values.size:
        return {"text": _printed(values) or words.shape(values.shape)}
    norm = words.length_of(values)
    found: JSON = {
        "text": _printed(values) or f"{words.shape(values.shape)}  ‖·‖ {words.norm(norm)}",
        "norm": _number(norm),
    }
    if values.size == 1:
        found["exact"] = words.exact(values.ravel()[0])
    elif values.dtype.kind == "f":
        found |= _spread(values)
    return found


def _node(subject: Subject, i: int, item: Item) -> JSON:
    node, primitive = item.node, item.node.primitive
    found: JSON = {
        "name": words.clean(node.name) or subject.labels.get(i, ""),
        "scope": words.clean(node.scope),
        "role": node.role,
        "shape": words.shape(node.spec.shape),
        "dtype": str(node.spec.dtype),
        "size": node.spec.size,
        "inputs": list(item.inputs),
        "source": _source(node.source),
        "value": statistics(item.value),
        "gradient": statistics(item.gradient),
        "known": _state(item),
    }
    if item.stage != "forward":
        found["stage"] = item.stage
    if primitive is not None:
        found |= {
            "op": primitive.name,
            "symbol": words.clean(primitive.symbol),
            "doc": _doc(primitive.name, primitive.__doc__),
            "formula": [words.clean(text) for text in primitive.formula],
            "params": {key: words.short(str(value), 60) for key, value in node.params.items()},
        }
        if isinstance(primitive, Composite):
            found["composite"] = True
        if item.record is not None:
            found["edges"] = [_edge(subject, i, k) for k in range(len(item.inputs))]
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}


def _edge(subject: Subject, i: int, argnum: int) -> JSON | None:
    """The local gradient of an edge, and what it passed back: local times upstream.

    What the only edge from an operand passed back is the operand's gradient, and not told twice.
    """
    item = subject.items[i]
    operand = item.inputs[argnum]
    passed = subject.passed(i, argnum)
    if passed is None:
        return None
    found: JSON = {"local": words.clean(item.local(argnum))}
    if len(subject.users[operand]) > 1:  # else it is the operand's gradient
        found["passed"] = statistics(passed)
    return found


def _state(item: Item) -> str:
    if item.record is None:
        return "not yet"
    return "none" if item.gradient is None else "known"


def _doc(name: str, doc: str | None) -> str:
    return words.clean(doc or "") if doc != name else ""


def _source(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]


def _printed(values: Array) -> str:
    """Every element where they are few, else ""."""
    return words.listed(values) if 0 < values.size <= MOST_PRINTED else ""


def _spread(values: Array) -> JSON:
    """Of the finite elements; the count of the others, where there are any."""
    low, high = values.min(), values.max()  # NaN if there is any
    finite = values if np.isfinite(low) and np.isfinite(high) else values[np.isfinite(values)]
    found: JSON = {"bad": values.size - finite.size} if finite.size < values.size else {}
    if finite.size:
        found |= {
            "min": _number(finite.min()),
            "max": _number(finite.max()),
            "mean": _number(finite.mean(dtype=np.float64)),
            "std": _number(finite.std(dtype=np.float64)),
            "zeros": round(1 - np.count_nonzero(finite) / finite.size, 3),
        }
    return found


def _number(value: Any) -> float | str:
    """Four digits that count, or the name that JavaScript has for what is no number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{value:.4g}")
