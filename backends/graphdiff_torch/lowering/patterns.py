"""The list of what torch computes in one call: trees of nodes, and nodes that share an operand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from graphdiff.backend import Joint
from graphdiff.compile.program import Program
from graphdiff.graph import Node, TensorSpec
from graphdiff_torch.kernels.convolution import even_padding
from graphdiff_torch.kernels.joint import CONVOLUTION_GRADIENTS, is_plain
from graphdiff_torch.kernels.pooling import torch_settings
from graphdiff_torch.lowering.batch_norm import NORMS
from graphdiff_torch.lowering.fused import (
    ADDMM,
    BIASED_CONV2D,
    MAX_POOL_GRAD,
    MAX_POOL_INDICES,
    SETTINGS,
    SOFTMAX_LESS_ONE_HOT,
    loss_and_gradient,
    pooled_with_indices,
)
from graphdiff_torch.lowering.matching import Found, Op, Rule, is_a

Array = Any


def _is_linear(found: Found) -> bool:
    x, y, b = (found.values[letter].spec for letter in "xyb")
    alike = x.dtype is y.dtype is b.dtype and x.dtype.is_floating
    return (
        alike
        and len(x.shape) == len(y.shape) == 2 >= len(b.shape)
        and found.nodes["add"].spec.shape
        == (
            x.shape[0],
            y.shape[1],
        )
    )


def _has_bias(found: Found) -> bool:
    x, w, b = (found.values[letter].spec for letter in "xwb")
    stretched = found.nodes["reshape"].spec.shape
    per_channel = (
        b.shape == w.shape[:1] and stretched[-3:] == (*w.shape[:1], 1, 1) and b.size == stretched[-3]
    )
    return per_channel and is_plain(x, w) and even_padding(found.params["padding"]) is not None


def _convolution(found: Found) -> dict[str, Any]:
    params = found.nodes["conv2d"].params
    return {**params, "padding": even_padding(params["padding"])}


def native_pool(x: TensorSpec, settings: Mapping[str, Any]) -> bool:
    """Whether torch has a kernel for a max pooling."""
    return is_plain(x) and torch_settings(x.shape[-2:], *(settings[k] for k in SETTINGS)) is not None


def _is_of_labels(found: Found) -> bool:
    z = found.values["z"].spec
    last = found.nodes["softmax"].params["axis"] in (-1, len(z.shape) - 1)
    return last and found.nodes["one_hot"].spec is z


RULES = (
    Rule(Op("add", (Op("matmul", ("x", "y")), "b")), ADDMM, "bxy", when=_is_linear),
    Rule(
        Op("add", (Op("conv2d", ("x", "w")), Op("reshape", ("b",), shared=True))),
        BIASED_CONV2D,
        "xwb",
        _convolution,
        _has_bias,
    ),
    Rule(
        Op("subtract", (Op("softmax", ("z",)), Op("one_hot", ("y",)))),
        SOFTMAX_LESS_ONE_HOT,
        "zy",
        when=_is_of_labels,
    ),
)


JOINTS = (
    *NORMS,
    *CONVOLUTION_GRADIENTS,
    Joint(
        {"max_pool2d": "x", "max_pool_indices": "x"},
        pooled_with_indices,
        lambda x, **settings: native_pool(x, settings),
    ),
)

# Looks at the labels, which torch's compiler cannot.
LOSS = Joint(
    {"softmax_cross_entropy": "zy", "softmax_less_one_hot": "zy"},
    loss_and_gradient,
    lambda z, y: z.dtype.itemsize >= 4,  # exp of a logarithm of few digits has fewer still
)


def max_pools_by_index(program: Program, table: Container[str]) -> Program:
    """Gradients of max pooling as torch computes them, from the places that its forward pass noted."""
    if not all(name in table for name in ("max_pool2d", "window_argmax", "window_scatter")):
        return program
    users = defaultdict(list)
    for node in program.nodes:
        for i in node.inputs:
            users[i].append(node)
    specs = {node.id: node.spec for node in program.nodes}
    found = {
        node.id: node
        for node in program.nodes
        if is_a(node, "window_argmax")
        and native_pool(specs[node.inputs[0]], node.params)
        and node.id not in program.outputs
        and all(is_a(user, "window_scatter") for user in users[node.id])
    }

    def rewrite(node: Node) -> Node:
        if node.id in found:
            return replace(node, primitive=MAX_POOL_INDICES)
        index = found.get(node.inputs[-1]) if is_a(node, "window_scatter") else None
        if index is None:
            return node
        operands = (node.inputs[0], index.inputs[0], index.id)
        return replace(node, primitive=MAX_POOL_GRAD, inputs=operands, params=index.params)

    return program.rewritten(rewrite)
