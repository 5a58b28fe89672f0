"""What the page knows of every node: structure, numbers of value and gradient, and what each edge passed on.

Everything here becomes JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphdiff.diagnose.flops import Counter
from graphdiff.diagnose.numbers import Numbers
from graphdiff.draw import words
from graphdiff.draw.page.statistics import JSON, Facts, state_of
from graphdiff.draw.subject import Item, Subject
from graphdiff.graph import TensorSpec
from graphdiff.primitive import Composite


def nodes_of(subject: Subject, numbers: Numbers | None = None) -> list[JSON]:
    """Every node of the subject, in topological order; operands are told by their place in the list.

    ``numbers`` has the times, where they were measured.
    """
    gatherer = _Gatherer(subject)
    return [gatherer.node(i, item) | _times(item, numbers) for i, item in enumerate(subject.items)]


def _times(item: Item, numbers: Numbers | None) -> JSON:
    row = numbers[item.node.id] if numbers is not None and item.node.id in numbers else None
    if row is None or row.seconds is None or item.node.primitive is None:
        return {}
    return {"seconds": row.seconds, "backSeconds": row.backward_seconds}


class _Gatherer:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.flops = Counter()
        self.passed = {
            (i, k): item.passed_tensor(k)
            for i, item in enumerate(subject.items)
            if item.record is not None and item.node.primitive is not None
            for k in range(len(item.inputs))
        }
        shown = (t for item in subject.items for t in (item.shown, item.upstream))
        told = (t for (i, k), t in self.passed.items() if self._is_told(i, k))
        self.facts = Facts([*shown, *told])

    def _is_told(self, i: int, argnum: int) -> bool:
        """Whether what an edge passed back is not all of its operand's gradient."""
        return len(self.subject.users[self.subject.items[i].inputs[argnum]]) > 1

    def node(self, i: int, item: Item) -> JSON:
        node, primitive = item.node, item.node.primitive
        gradient = self.facts.of(item.upstream)
        found: JSON = {
            "name": words.clean(node.name) or self.subject.labels.get(i, ""),
            "scope": words.clean(node.scope),
            "role": node.role,
            "shape": words.shape(node.spec.shape),
            "dtype": str(node.spec.dtype),
            "size": node.spec.size,
            "bytes": node.spec.size * node.spec.dtype.itemsize,
            "inputs": list(item.inputs),
            "source": _source(node.source),
            "value": self.facts.of(item.shown),
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
                "flops": self.flops.of(primitive, *_specs(self.subject, item), node.params),
                "params": {key: words.short(str(value), 60) for key, value in node.params.items()},
            }
            if isinstance(primitive, Composite):
                found["composite"] = True
            if primitive.elementwise:
                found["elementwise"] = True
            if item.record is not None:
                found["edges"] = [self._edge(i, k) for k in range(len(item.inputs))]
        return {key: value for key, value in found.items() if value not in (None, "", [], {})}

    def _edge(self, i: int, argnum: int) -> JSON | None:
        """The local gradient of an edge, and what it passed back: local times upstream."""
        item = self.subject.items[i]
        operand = item.inputs[argnum]
        passed = self.passed.get((i, argnum))
        if passed is None or passed.data is None:
            return None
        found: JSON = {"local": words.clean(item.local(argnum))}
        if self._is_told(i, argnum):
            found["passed"] = self.facts.of(passed, self.subject.items[operand].node.spec.shape)
        return found


def _known(item: Item) -> str:
    if item.record is None:
        return "not yet"
    return "none" if item.gradient is None else "known"


def _specs(subject: Subject, item: Item) -> tuple[TensorSpec, Sequence[TensorSpec]]:
    """Of the result and of the operands."""
    return item.computed or (item.node.spec, [subject.items[k].node.spec for k in item.inputs])


def _doc(name: str, doc: str | None) -> str:
    return words.clean(doc or "") if doc != name else ""


def _source(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
