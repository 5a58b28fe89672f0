"""Which edge of a graph has a wrong derivative: each node is checked alone, at the values it was given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphdiff.autodiff import Backward
from graphdiff.autodiff.walk import ancestors
from graphdiff.errors import GraphdiffError
from graphdiff.leaf import as_tensor
from graphdiff.source import describe
from graphdiff.tensor import Tensor
from graphdiff.testing.gradients import GradientCheckError, check_gradients

_MOST = 256  # elements of a node's operands, and nodes of a graph; beyond, differences would take minutes


def blamed(back: Backward) -> str:
    """The first node, in the order of computation, whose own derivative finite differences do not confirm.

    Forward nodes are checked to second order, those of the backward graph to first.
    """
    forward = {t.id for t in ancestors(back.output)}
    gradients = [back[t] for t in back.wanted if t in back]
    nodes = ancestors(back.output, *gradients)
    if len(nodes) > _MOST:
        return f"not looked for in a graph of {len(nodes)} nodes"
    for node in nodes:
        order = 2 if node.id in forward else 1
        for argnum in _edges(node):
            if _is_wrong(node, argnum, order):
                return _named(node, argnum, "forward" if order == 2 else "backward")
    return f"no edge of up to {_MOST} elements: their own derivatives are right"


def _edges(node: Tensor) -> Iterator[int]:
    if node.primitive is None or node.application is None or node.data is None:
        return
    if sum(t.size for t in node.inputs) <= _MOST:
        yield from node.application.edges


def _is_wrong(node: Tensor, argnum: int, order: int) -> bool:
    values = [np.asarray(t) for t in node.inputs]

    def alone(x: Tensor) -> Tensor:
        assert node.primitive is not None
        operands = [x if k == argnum else as_tensor(v) for k, v in enumerate(values)]
        return node.primitive(*operands, **node.params)

    try:
        check_gradients(alone, values[argnum], order=order, rtol=1e-4, atol=1e-5)
    except GradientCheckError:
        return True
    except GraphdiffError:
        return order == 1  # a rule the engine refuses; at second order the rule may have none
    return False


def _named(node: Tensor, argnum: int, pass_: str) -> str:
    assert node.primitive is not None
    operand = node.inputs[argnum]
    where = describe(node.source)
    named = f" {operand.name}" if operand.name else ""
    text = f"{node.primitive.name} by operand {argnum}{named}: {operand.spec!r}, in the {pass_} graph"
    return f"{text}, {where}" if where else text
