"""What takes class numbers, and what is done about those out of range.

On the host they are looked at, and refused. On CUDA a look would stop the queue at every step, so what
comes of them is NaN, and the loss tells.
"""

from __future__ import annotations

from typing import Any

import torch

from graphdiff.errors import ArgumentError
from graphdiff.kernels import Kernels
from graphdiff_torch.arrays import TORCH

Array = Any
_EACH = 0  # no reduction
_NEVER = -(1 << 63)  # the label for which torch's loss is 0: one that nobody gives


def _outside(labels: Array, depth: int) -> Array:
    return (labels < 0) | (labels >= depth)


def _seen(labels: Array, depth: int) -> Array:
    """The labels as int64.

    Raises:
        ArgumentError: one of them is out of range.
    """
    labels = labels.to(torch.int64)
    wrong = labels[_outside(labels, depth)]
    if wrong.numel():
        raise ArgumentError(
            f"label {wrong[0].item()} is outside 0 … {depth - 1}",
            fix="number the classes from 0; there must be a score for each, in one_hot a depth for all",
        )
    return labels


def _one_hot(labels: Array, depth: int, dtype: str) -> Array:
    wanted = TORCH[dtype]
    if labels.device.type == "cuda" and wanted.is_floating_point:
        return unseen_one_hot(labels, depth, wanted)
    row = _seen(labels, depth).unsqueeze(-1)  # without NaN there is no other way to tell
    out = torch.zeros((*labels.shape, depth), dtype=wanted, device=labels.device)
    return out.scatter_(-1, row, 1)


def unseen_one_hot(labels: Array, depth: int, dtype: torch.dtype) -> Array:
    """A row for each label, of NaN where the label is out of range; the host need not wait for it."""
    row = labels.to(torch.int64).unsqueeze(-1)
    hot = (row == torch.arange(depth, device=row.device)).to(dtype)
    return hot.masked_fill_(_outside(row, depth), float("nan"))


def _softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    return picked_losses(torch.log_softmax(logits, -1), labels)


def picked_losses(scores: Array, labels: Array) -> Array:
    """−ln p of each label, from the logarithms of all classes' probabilities."""
    if labels.device.type == "cuda":
        return _unseen_losses(scores, labels)
    depth = scores.shape[-1]
    labels = labels.to(torch.int64)
    try:
        losses = torch._C._nn.nll_loss_nd(scores.reshape(-1, depth), labels.reshape(-1), None, _EACH, _NEVER)
    except IndexError:
        _seen(labels, depth)  # says which
        raise
    return losses.reshape(labels.shape)


def unseen_cross_entropy(logits: Array, labels: Array) -> Array:
    """A loss for each label, NaN where the label is out of range; the host need not wait for it."""
    return _unseen_losses(torch.log_softmax(logits, -1), labels)


def _unseen_losses(scores: Array, labels: Array) -> Array:
    depth = scores.shape[-1]
    row = labels.to(torch.int64).unsqueeze(-1)
    losses = scores.gather(-1, row.clamp(0, depth - 1)).neg_()
    return losses.masked_fill_(_outside(row, depth), float("nan")).squeeze(-1)


LABELS: Kernels = {"one_hot": _one_hot, "softmax_cross_entropy": _softmax_cross_entropy}

# The same without a look, also on the host.
UNSEEN: Kernels = {
    "one_hot": lambda labels, depth, dtype: unseen_one_hot(labels, depth, TORCH[dtype]),
    "softmax_cross_entropy": unseen_cross_entropy,
}
