"""Forward mode, without rules of its own: every jvp follows from the vjp.

An elementwise primitive has a diagonal Jacobian, so its vjp applied to a tangent is its jvp; a primitive
that is linear in an operand is its own jvp; any other vjp is linear in its upstream gradient, and
transposing that linear map gives the jvp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphdiff import context, ops
from graphdiff.arguments import check_functions, entries
from graphdiff.autodiff.functions import differentiable, released
from graphdiff.autodiff.reverse import backward, contribution, fit, has_derivative, lost_at
from graphdiff.autodiff.walk import ancestors
from graphdiff.errors import ArgumentError, GradientError
from graphdiff.leaf import as_tensor, leaf
from graphdiff.pytree import flatten
from graphdiff.tensor import Tensor


def jvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``fn(*primals)`` and its directional derivative along ``tangents``, in one pass.

    Args:
        primals, tangents: sequences of pytrees of equal structure, leaf for leaf of equal shape.

    Returns:
        (value, derivative): two pytrees of the structure that ``fn`` returns.

    Raises:
        ArgumentError: tangents that do not match the primals.
        DTypeError: a primal that is not floating.
        GradientError: a result that depends on the primals through operations without a derivative alone.
    """
    check_functions(fn=fn)
    leaves, rebuild = flatten(tuple(entries("primals", primals)))
    directions, _ = flatten(tuple(entries("tangents", tangents)))
    if len(leaves) != len(directions):
        raise ArgumentError(
            f"{len(directions)} tangents for {len(leaves)} primals", fix="give one tangent for each primal"
        )
    with context.recording():
        xs = [differentiable(x) for x in leaves]
        ts = [_tangent(x, t) for x, t in zip(xs, directions, strict=True)]
        outputs, rebuild_output = flatten(fn(*rebuild(xs)))
        results = [as_tensor(y) for y in outputs]
        pushed = _push(xs, ts, results)
        finished = released([*results, *pushed], xs)
    half = len(results)
    return rebuild_output(finished[:half]), rebuild_output(finished[half:])


def _tangent(x: Tensor, t: Any) -> Tensor:
    direction = t if isinstance(t, Tensor) else leaf(t, x.dtype, backend=x.backend)
    if direction.spec is not x.spec:
        raise ArgumentError(
            f"the tangent is {direction.spec!r}, its primal {x.label} is {x.spec!r}", fix="give equal specs"
        )
    return direction


def _push(xs: Sequence[Tensor], ts: Sequence[Tensor], results: Sequence[Tensor]) -> list[Tensor]:
    """Tangents carried from ``xs`` through the recorded graph to the results."""
    tangents = {x.id: t for x, t in zip(xs, ts, strict=True)}
    for node in ancestors(*results):
        parts = [
            _edge_jvp(node, k, tangents[x.id])
            for k, x in enumerate(node.inputs)
            if x.id in tangents and has_derivative(node, k)
        ]
        if parts:
            tangents[node.id] = parts[0] if len(parts) == 1 else ops.accumulate(*parts)
    return [tangents[y.id] if y.id in tangents else _constant(xs, y) for y in results]


def _constant(xs: Sequence[Tensor], y: Tensor) -> Tensor:
    """The tangent of a result that none of the primals reaches by way of derivatives: zero."""
    nodes = ancestors(y)
    lost = {node.primitive.name for x in xs for node in lost_at(y, nodes, x) if node.primitive}
    if lost:
        raise GradientError(
            f"no path with a derivative leads to {y.label}; without a derivative: {', '.join(sorted(lost))}",
            fix="use operations that have a derivative, or stop_gradient where zero is meant",
        )
    return ops.zeros_like(y)


def _edge_jvp(node: Tensor, argnum: int, tangent: Tensor) -> Tensor:
    """What one operand's tangent adds to the node's."""
    primitive = node.primitive
    assert primitive is not None
    if primitive.linear:
        inputs = [tangent if k == argnum else x for k, x in enumerate(node.inputs)]
        return primitive(*inputs, **node.params)
    if primitive.elementwise:
        found = contribution(node, argnum, ops.broadcast_to(tangent, node.shape))
        return ops.zeros_like(node) if found is None else found
    u = leaf(ops.zeros_like(node), role="input", recorded=True, backend=node.backend)
    pulled = contribution(node, argnum, u)
    if pulled is None or not pulled.recorded:
        return ops.zeros_like(node)
    return backward(fit(pulled, node, argnum), tangent, wrt=[u])[u]
