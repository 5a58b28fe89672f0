"""Batch norm in training: its statistics are computed once, for the output, the running statistics and the
gradients."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from typing import Any

import torch

from graphdiff.backend import Joint
from graphdiff.compile.program import Program
from graphdiff.graph import Node, TensorSpec
from graphdiff.kernels import Kernels
from graphdiff.ops.shape import reshaped
from graphdiff_torch.kernels.joint import by_channel
from graphdiff_torch.kernels.normalization import NORMALIZATION, gradients
from graphdiff_torch.lowering.fused import fused
from graphdiff_torch.lowering.matching import is_a

Array = Any
_MEAN, _INVSTD, _VAR = (fused(f"batch_{name}") for name in ("mean", "invstd", "var"))
_INPUT_GRAD, _WEIGHT_GRAD = (fused(f"normed_{name}_grad") for name in ("input", "weight"))


def batch_norms(program: Program, table: Container[str]) -> Program:
    """Everything that needs a batch's statistics reads them as values of their own, each computed once."""
    if not all(name in table for name in (*NORMALIZATION, "mean", "var", "reshape")):
        return program
    specs = {node.id: node.spec for node in program.nodes}
    normed = {
        n.inputs[0]: n for n in program.nodes if is_a(n, "batch_norm") and _has_variance(specs[n.inputs[0]])
    }
    fresh = iter(range(1 + max([*specs, *program.inputs]), 1 << 62))
    statistics = {x: [next(fresh) for _ in range(3)] for x in normed}
    # The first to need a batch's statistics need not be the norm itself.
    pending = dict(normed)
    nodes: list[Node] = []
    for node in program.nodes:
        x = next((i for i in node.inputs if i in pending), None)
        if x is not None:
            nodes += _nodes(pending.pop(x), specs[x], statistics[x])
        nodes.append(_reading(node, normed, statistics))
    return replace(program, nodes=tuple(nodes))


def _has_variance(x: TensorSpec) -> bool:
    return x.dtype.is_floating and x.size > x.shape[1] > 0


def _nodes(norm: Node, x: TensorSpec, ids: list[int]) -> Iterator[Node]:
    spec = TensorSpec(x.shape[1:2], x.dtype)
    for i, primitive in zip(ids, (_MEAN, _INVSTD, _VAR), strict=True):
        params = {"eps": norm.params["eps"]} if primitive is _INVSTD else {}
        yield replace(norm, id=i, primitive=primitive, inputs=norm.inputs[:1], params=params, spec=spec)


def _reading(node: Node, normed: dict[int, Node], statistics: dict[int, list[int]]) -> Node:
    """The node, with a batch's statistics taken from where they are."""
    if is_a(node, "mean") or is_a(node, "var"):
        (x,) = node.inputs
        if x in normed and node.params["axes"] == (0, 2, 3) and node.params.get("ddof", 0) == 0:
            found = statistics[x][0 if is_a(node, "mean") else 2]
            return replace(node, primitive=reshaped, inputs=(found,), params={"shape": node.spec.shape})
    for name, own in (("batch_norm_input_grad", _INPUT_GRAD), ("batch_norm_weight_grad", _WEIGHT_GRAD)):
        if is_a(node, name) and node.inputs[1] in normed:
            x = node.inputs[1]
            if node.params["eps"] == normed[x].params["eps"]:
                return replace(node, primitive=own, inputs=(*node.inputs, *statistics[x][:2]))
    return node


def _forward(x: Array, w: Array, b: Array, eps: float) -> tuple[Array, Array, Array]:
    return torch.native_batch_norm(x, w, b, None, None, True, 0.0, eps)  # type: ignore[no-any-return]


def _forward_with_variance(x: Array, w: Array, b: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    # Running statistics with all their weight on this batch are the batch's, the variance divided by n − 1.
    mean, variance = x.new_zeros(x.shape[1], dtype=w.dtype), x.new_ones(x.shape[1], dtype=w.dtype)
    out, _, invstd = torch.native_batch_norm(x, w, b, mean, variance, True, 1.0, eps)
    count = x.numel() // x.shape[1]
    return out, mean, invstd, variance.mul_((count - 1) / count)


def _all_gradients(
    g: Array, x: Array, w: Array, mean: Array, invstd: Array, eps: float, axes: Any, keepdims: bool
) -> Any:
    return gradients(g, x, w, mean, invstd, eps, (True, True, True))


NORMS = (
    Joint(
        {"batch_norm": "xwb", "batch_mean": "x", "batch_invstd": "x", "batch_var": "x"},
        _forward_with_variance,
    ),
    Joint({"batch_norm": "xwb", "batch_mean": "x", "batch_invstd": "x"}, _forward),
    Joint(
        {"normed_input_grad": "gxwmi", "normed_weight_grad": "gxmi", "sum": "g"}, _all_gradients, by_channel
    ),
)

# Each alone, where the others are not wanted.
STATISTICS: Kernels = {
    "batch_mean": lambda x: torch.mean(x, (0, 2, 3)),
    "batch_var": lambda x: torch.var(x, (0, 2, 3), correction=0),
    "batch_invstd": lambda x, eps: torch.rsqrt(torch.var(x, (0, 2, 3), correction=0) + eps),
    "normed_input_grad": lambda g, x, w, m, i, eps: gradients(g, x, w, m, i, eps, (True, False, False))[0],
    "normed_weight_grad": lambda g, x, m, i, eps: gradients(
        g, x, x.new_ones(x.shape[1]), m, i, eps, (False, True, False)
    )[1],
}
