"""What stands in an operator's circle, where a constant operand may be part of the glyph: ×−1, +1, x²."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphdiff.draw import words
from graphdiff.draw.subject import Item

_LONGEST_NUMBER = 6
_BESIDE = {"add": "+", "multiply": "×"}
_AFTER = {**_BESIDE, "subtract": "−", "divide": "÷", "maximum": "max ", "minimum": "min "}
_BEFORE = {"subtract": "{}−x", "divide": "{}/x", "power": "{}ˣ", "maximum": "max {}", "minimum": "min {}"}


def glyph(item: Item, folded: int | None, items: Sequence[Item]) -> str:
    """The symbol of an operation, with its constant operand ``folded`` in where there is one."""
    primitive = item.node.primitive
    assert primitive is not None
    if folded is None:
        return "×−1" if primitive.name == "negative" else words.clean(primitive.symbol)
    constant = _constant(items[item.inputs[folded]])
    if primitive.name == "power" and folded == 1:
        return f"x{words.superscript(constant)}" if "." not in constant else f"x^{constant}"
    if folded == 1 or primitive.name in _BESIDE:
        if primitive.name == "add" and constant.startswith("−"):
            return constant
        return _AFTER.get(primitive.name, f"{words.clean(primitive.symbol)} ") + constant
    return _BEFORE.get(primitive.name, f"{{}} {words.clean(primitive.symbol)}").format(constant)


def folded_operand(item: Item, items: Sequence[Item]) -> int | None:
    """Which operand of a binary operation is a nameless scalar constant short enough for the glyph."""
    if item.node.primitive is None or len(item.inputs) != 2 or not item.node.primitive.elementwise:
        return None
    constants = [k for k, i in enumerate(item.inputs) if 0 < len(_constant(items[i])) <= _LONGEST_NUMBER]
    return constants[0] if len(constants) == 1 else None


def _constant(item: Item) -> str:
    """The number that a nameless scalar constant stands for, or ""."""
    node = item.node
    if node.primitive is not None or node.role != "constant" or node.name or node.spec.size != 1:
        return ""
    return "" if item.value is None else words.exact(np.ravel(item.value)[0])
