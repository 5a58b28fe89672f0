"""Elementwise kernels, and torch's names for what the shared kernels call."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import torch

from graphdiff.kernels import Kernels

Array = Any
_MANY = 8192
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class _Namespace(SimpleNamespace):
    """torch, where it spells the array API standard its own way or has a shorter path to it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


NAMESPACE = _Namespace(
    subtract=torch.sub,
    multiply=torch.mul,
    divide=torch.div,
    negative=torch.neg,
    equal=torch.eq,
    not_equal=torch.ne,
    less=torch.lt,
    less_equal=torch.le,
    greater=torch.gt,
    greater_equal=torch.ge,
    clip=torch.clamp,
    astype=torch.Tensor.to,
    concat=torch.cat,
    permute_dims=torch.permute,
)


def _power(x: Array, y: Array) -> Array:
    # Where whole numbers have no answer, torch gives 0; everywhere else they are refused.
    if not y.is_floating_point() and y.numel() and bool((y < 0).any()):
        raise ValueError("Integers to negative integer powers are not allowed.")
    return torch.pow(x, y)


def _sign(x: Array) -> Array:
    # torch says that the sign of NaN is 0, which would hide a NaN behind the gradient of abs.
    return torch.where(x != x, x, torch.sign(x)) if x.is_floating_point() else torch.sign(x)


def _where(c: Array, x: Array, y: Array) -> Array:
    # On the CPU torch branches for every element, and a branch that cannot be foretold costs ten times what
    # choosing by masks of bits does. Few elements are not worth the calls.
    if c.numel() < _MANY or c.device.type != "cpu" or not x.is_floating_point():
        return torch.where(c, x, y)
    if {x.shape, y.shape} not in ({c.shape}, {c.shape, torch.Size()}):
        return torch.where(c, x, y)
    bits = _BITS[x.itemsize]
    mask, other = c.to(bits).neg_(), y.view(bits)
    return (x.view(bits) ^ other).bitwise_and_(mask).bitwise_xor_(other).view(x.dtype)


def _relu_grad(g: Array, x: Array) -> Array:
    if g.shape == x.shape and x.is_floating_point():
        return torch.ops.aten.threshold_backward(g, x, 0)
    return torch.where(x <= 0, torch.zeros((), dtype=g.dtype, device=g.device), g)


def _softplus(x: Array) -> Array:
    # From its threshold on torch gives x itself; at 40 that is right to the last bit of float64.
    return torch.nn.functional.softplus(x, threshold=40.0)


ELEMENTWISE: Kernels = {
    "reciprocal": torch.reciprocal,
    "power": _power,
    "sign": _sign,
    "relu": torch.relu,
    "relu_grad": _relu_grad,
    "where": _where,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    "softplus": _softplus,
    "accumulate": lambda *xs: functools.reduce(torch.add, xs),
}
