"""Examples of the reductions, scans and activations along axes."""

import numpy as np
import scipy.special
import torch
from ops.examples import any_axes, any_axis, example, plain_axes
from ops.references import NUMPY, TORCH

import graphdiff as gd


@example("all_reduce")
def _alone(s):
    return [s.distinct(s.shape())], gd.all_reduce, lambda x: x, lambda x: x


@example("broadcast_from")
def _of_oneself(s):
    return [s.distinct(s.shape())], lambda x: gd.broadcast_from(x, 0), lambda x: x, lambda x: x


def _reduction(name, **shape):
    @example(name)
    def draw(s):
        x = s.distinct(s.shape(**shape))
        axis, keepdims = any_axes(s, x.ndim), s.boolean()
        return (
            [x],
            lambda x: getattr(gd, name)(x, axis, keepdims),
            lambda x: NUMPY[name](x, axis, keepdims),
            lambda x: TORCH[name](x, plain_axes(axis, x.ndim), keepdims),
        )


for _name in ("sum", "prod"):
    _reduction(_name)
for _name in ("max", "min", "mean", "logsumexp", "norm"):
    _reduction(_name, min_side=1)


def _moment(name):
    @example(name)
    def draw(s):
        x = s.distinct(s.shape(min_dims=1, min_side=2))
        axis, ddof, keepdims = any_axes(s, x.ndim), s.integer(0, 1), s.boolean()
        axis = 0 if axis == () else axis  # over no axes there is one element, too few for ddof=1
        return (
            [x],
            lambda x: getattr(gd, name)(x, axis, ddof, keepdims),
            lambda x: NUMPY[name](x, axis, ddof, keepdims),
            lambda x: TORCH[name](x, axes=plain_axes(axis, x.ndim), ddof=ddof, keepdims=keepdims),
        )


_moment("var")
_moment("std")


def _arg(name):
    @example(name)
    def draw(s):
        x = s.distinct(s.shape(min_side=1))
        axis, keepdims = (any_axis(s, x.ndim) if x.ndim and s.boolean() else None), s.boolean()
        return (
            [x],
            lambda x: getattr(gd, name)(x, axis, keepdims),
            lambda x: np.asarray(getattr(np, name)(x, axis, keepdims=keepdims)),
            lambda x: getattr(torch, name)(x, axis, keepdims),
        )


_arg("argmax")
_arg("argmin")


@example("cumsum")
def cumsum(s):
    x = s.array(s.shape())
    axis = any_axis(s, x.ndim) if x.ndim and s.boolean() else None
    return (
        [x],
        lambda x: gd.cumsum(x, axis),
        lambda x: np.cumsum(x, axis),
        lambda x: torch.cumsum(x.reshape(-1) if axis is None else x, axis or 0),
    )


@example("softmax")
def softmax(s):
    x = s.array(s.shape(min_dims=1, min_side=1))
    axis = any_axis(s, x.ndim)
    return (
        [x],
        lambda x: gd.softmax(x, axis),
        lambda x: scipy.special.softmax(x, axis),
        lambda x: torch.softmax(x, axis),
    )


@example("log_softmax")
def log_softmax(s):
    x = s.array(s.shape(min_dims=1, min_side=1))
    axis = any_axis(s, x.ndim)
    return (
        [x],
        lambda x: gd.log_softmax(x, axis),
        lambda x: scipy.special.log_softmax(x, axis),
        lambda x: torch.log_softmax(x, axis),
    )


def _torch_clip(x, low, high):
    # Of torch.clip itself, a 0-d tensor between tensors of one axis has no gradient.
    x = x if low is None else torch.maximum(x, low)
    return x if high is None else torch.minimum(x, high)


@example("clip")
def clip(s):
    kind = s.choice(["numbers", "lower", "upper", "tensors", "tensor below", "tensor above"])
    x, low, high = (
        s.array(shape, offset=o) for shape, o in zip(s.broadcastable(3), (0.4, 0.15, 0.65), strict=True)
    )
    if kind.startswith("tensor"):
        bounds = {"tensors": [low, high], "tensor below": [low], "tensor above": [high]}[kind]

        def both(bounds):
            return (None, *bounds) if kind == "tensor above" else (*bounds, None)[:2]

        return (
            [x, *bounds],
            lambda x, *b: gd.clip(x, *both(b)),
            lambda x, *b: np.clip(x, *both(b)),
            lambda x, *b: _torch_clip(x, *both(b)),
        )
    low, high = {"numbers": (-1.0, 0.5), "lower": (0.0, None), "upper": (None, 1)}[kind]
    return (
        [x],
        lambda x: gd.clip(x, low, high),
        lambda x: np.clip(x, low, high),
        lambda x: torch.clip(x, low, high),
    )


@example("cast")
def cast(s):
    dtype = s.choice(["float64", "float32", "int64", "bool"])
    return (
        [s.array(s.shape())],
        lambda x, dtype: gd.cast(x, dtype),
        lambda x, dtype: x.astype(dtype),
        lambda x, dtype: x.to(getattr(torch, dtype)),
        {"dtype": dtype},
    )
