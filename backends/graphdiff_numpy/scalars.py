"""Programs of single numbers as plain Python arithmetic.

Where every value is a float64 of no dimension, a call of a NumPy kernel costs many times its arithmetic.
Python's floats are the same numbers, and +, −, ·, /, √ are rounded the same way by IEEE 754, so these are
spelled out; other functions may differ in the last bit between NumPy and the C library, and stay NumPy's.
What Python refuses to compute (1/0, √−1) is left to the program of kernels, which knows ∞ and NaN.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphdiff.compile.executable import Executable, Generated, load
from graphdiff.compile.program import Program
from graphdiff.graph import Node, TensorSpec
from graphdiff.kernels import Kernels

_NUMBER = TensorSpec((), "float64")
_TRUTH = TensorSpec((), "bool")
_DEEPEST = 8  # operations within one expression
_FORMS = {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0} * {1})",
    "divide": "({0} / {1})",
    "negative": "(-{0})",
    "reciprocal": "(1.0 / {0})",
    "square": "({0} * {0})",
    "sqrt": "sqrt({0})",
    "abs": "abs({0})",
    "sign": "(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0 if {0} == 0.0 else {0})",
    "relu": "(0.0 if {0} <= 0.0 else {0})",
    "relu_grad": "(0.0 if {1} <= 0.0 else {0})",
    "where": "({1} if {0} else {2})",
    "sum": "(0.0 + {0})",
    "equal": "({0} == {1})",
    "not_equal": "({0} != {1})",
    "less": "({0} < {1})",
    "less_equal": "({0} <= {1})",
    "greater": "({0} > {1})",
    "greater_equal": "({0} >= {1})",
}


def scalar_program(program: Program, kernels: Kernels, otherwise: Executable) -> Executable | None:
    """The executable of a program of single numbers; ``None`` for any other program.

    Args:
        kernels: those that nobody replaced.
        otherwise: the same program, for numbers that Python's arithmetic refuses.
    """
    leaves = [n.spec for n in program.nodes if n.primitive is None]
    steps = [n for n in program.nodes if n.primitive is not None]
    known = all(n.primitive and n.primitive.name in kernels and _is_scalar(n) for n in steps)
    outputs = set(program.outputs)
    if not steps or not known or any(s is not _NUMBER for s in leaves):
        return None
    if any(n.spec is not _NUMBER for n in steps if n.id in outputs):
        return None
    if not set(program.inputs) <= {n.id for n in program.nodes}:  # an argument that nothing uses: any array
        return None
    writer = _Writer(program, kernels)
    for node in steps:
        writer.write(node)
    return _guarded(writer.executable(), otherwise)


def _is_scalar(node: Node) -> bool:
    return node.spec is _NUMBER or node.spec is _TRUTH


def _guarded(plain: Generated, otherwise: Executable) -> Generated:
    def run(arguments: Sequence[Any]) -> Sequence[Any]:
        try:
            return plain.run(arguments)
        except (ZeroDivisionError, ValueError, OverflowError):
            return otherwise.run(arguments)

    return Generated(run, plain.source)


class _Expression(NamedTuple):
    """Python, the ids of the values whose variables it reads (once per use), and how deep it is nested."""

    text: str
    reads: tuple[int, ...] = ()
    depth: int = 0


def _combined(form: str, *operands: _Expression) -> _Expression:
    reads = tuple(i for operand in operands for i in operand.reads)
    depth = 1 + max((operand.depth for operand in operands), default=0)
    return _Expression(form.format(*(operand.text for operand in operands)), reads, depth)


class _Writer:
    """Writes a program node by node. A value used once stands where it is used; others get a variable, which
    is used again after their last use: byte code that numbers few variables is shorter."""

    def __init__(self, program: Program, kernels: Kernels) -> None:
        self._program = program
        self._kernels = kernels
        self._left = Counter(i for node in program.nodes for i in node.inputs)
        self._outputs = frozenset(program.outputs)
        self._names: dict[str, Any] = {"sqrt": math.sqrt, "number": np.float64}
        self._free: list[int] = []
        self._used = 0
        self._lines: list[str] = []
        self._values = {i: self._constant(i, float(t.data)) for i, t in program.constants.items()}
        self._values |= {i: self._variable(i) for i in program.inputs}
        self._arguments = [self._values[i].text for i in program.inputs]

    def _constant(self, i: int, value: float) -> _Expression:
        if math.isfinite(value):
            return _Expression(f"({value!r})")
        self._names[f"c{i}"] = value
        return _Expression(f"c{i}")

    def _variable(self, i: int) -> _Expression:
        if not self._free:
            heapq.heappush(self._free, self._used)
            self._used += 1
        return _Expression(f"v{heapq.heappop(self._free)}", (i,))

    def write(self, node: Node) -> None:
        assert node.primitive is not None
        found = self._total(node) if node.primitive.name == "accumulate" else self._expression(node)
        self._values[node.id] = found
        if self._left[node.id] != 1 or node.id in self._outputs or found.depth >= _DEEPEST:
            self._store(node.id)

    def _expression(self, node: Node) -> _Expression:
        assert node.primitive is not None
        form = _FORMS.get(node.primitive.name) or self._call(node)
        for k, i in enumerate(node.inputs):
            if self._values[i].depth and form.count(f"{{{k}}}") > 1:
                self._store(i)
        return _combined(form, *(self._values[i] for i in node.inputs))

    def _total(self, node: Node) -> _Expression:
        first, *rest = node.inputs
        found = self._values[first]
        for i in rest:
            if found.depth >= _DEEPEST:
                self._left[node.id] += 1  # the sum so far is read by the next addition
                self._values[node.id] = found
                found = self._store(node.id)
            found = _combined("({0} + {1})", found, self._values[i])
        return found

    def _call(self, node: Node) -> str:
        assert node.primitive is not None
        name = f"k_{node.primitive.name}"
        self._names[name] = self._kernels[node.primitive.name]
        self._names[f"p{node.id}"] = dict(node.params)
        kind = "float" if node.spec is _NUMBER else "bool"
        operands = "".join(f"number({{{k}}}), " for k in range(len(node.inputs)))
        return f"{kind}({name}({operands}**p{node.id}))"

    def _store(self, i: int) -> _Expression:
        """Give a value a variable, which may be one that the value is computed from."""
        text, reads, _ = self._values[i]
        for read in reads:
            self._left[read] -= 1
            if not self._left[read] and read not in self._outputs:
                heapq.heappush(self._free, int(self._values[read].text[1:]))
        self._values[i] = self._variable(i)
        self._lines.append(f"{self._values[i].text} = {text}")
        return self._values[i]

    def executable(self) -> Generated:
        results = "".join(f"number({self._values[i].text}), " for i in self._program.outputs)
        lines = ["def program(arguments):"]
        if self._arguments:
            lines.append(f"    {', '.join(self._arguments)}, = map(float, arguments)")
        lines += [f"    {line}" for line in self._lines]
        source = "\n".join([*lines, f"    return ({results})", ""])
        run = load(source, self._names)
        calls = any(name.startswith("k_") for name in self._names)
        return Generated(np.errstate(all="ignore")(run) if calls else run, source)
