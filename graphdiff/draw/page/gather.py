"""What the page knows of every node: structure, numbers of value and gradient, and what each edge passed on.

Everything here becomes JSON.
"""

from __future__ import annotations

from graphdiff.diagnose.flops import Counter
from graphdiff.diagnose.numbers import Numbers
from graphdiff.draw import words
from graphdiff.draw.page.statistics import JSON, state_of, statistics
from graphdiff.draw.subject import Item, Subject
from graphdiff.graph import TensorSpec
from graphdiff.primitive import Composite


def nodes_of(subject: Subject, numbers: Numbers | None = None) -> list[JSON]:
    """Every node of the subject, in topological order; operands are told by their place in the list.

    ``numbers`` has the times, where they were measured.
    """
    flops = Counter()
    return [_node(subject, i, item, flops) | _times(item, numbers) for i, item in enumerate(subject.items)]


def _times(item: Item, numbers: Numbers | None) -> JSON:
    row = numbers[item.node.id] if numbers is not None and item.node.id in numbers else None
    if row is None or row.seconds is None or item.node.primitive is None:
        return {}
    return {"seconds": row.seconds, "backSeconds": row.backward_seconds}


def _node(subject: Subject, i: int, item: Item, flops: Counter) -> JSON:
    node, primitive = item.node, item.node.primitive
    gradient = statistics(item.gradient)
    found: JSON = {
        "name": words.clean(node.name) or subject.labels.get(i, ""),
        "scope": words.clean(node.scope),
        "role": node.role,
        "shape": words.shape(node.spec.shape),
        "dtype": str(node.spec.dtype),
        "size": node.spec.size,
        "bytes": node.spec.size * node.spec.dtype.itemsize,
        "inputs": list(item.inputs),
        "source": _source(node.source),
        "value": statistics(item.value),
        "gradient": gradient,
        "known": _known(item),
        "state": state_of(gradient),
    }
    if item.stage != "forward":
        found["stage"] = item.stage
    if primitive is not None:
        found |= {
            "op": primitive.name,
            "symbol": words.clean(primitive.symbol),
            "doc": _doc(primitive.name, primitive.__doc__),
            "formula": [words.clean(text) for text in primitive.formula],
            "flops": flops.of(primitive, node.spec, _specs(subject, item), node.params),
            "params": {key: words.short(str(value), 60) for key, value in node.params.items()},
        }
        if isinstance(primitive, Composite):
            found["composite"] = True
        if primitive.elementwise:
            found["elementwise"] = True
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


def _known(item: Item) -> str:
    if item.record is None:
        return "not yet"
    return "none" if item.gradient is None else "known"


def _specs(subject: Subject, item: Item) -> list[TensorSpec]:
    """Of the operands; of the tensor's own where the subject shows them in another shape."""
    if item.tensor is not None and item.tensor.inputs:
        return [t.spec for t in item.tensor.inputs]
    return [subject.items[k].node.spec for k in item.inputs]


def _doc(name: str, doc: str | None) -> str:
    return words.clean(doc or "") if doc != name else ""


def _source(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
