"""Integer labels: what they must be, and what they become."""

from __future__ import annotations

import graphdiff as gd
from graphdiff.errors import DTypeError, GraphdiffError, ShapeError
from graphdiff.ops.common import located


def one_hot(scores: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
    """Zeros like the scores, with 1 at the labels."""
    return gd.one_hot(labels, scores.shape[-1], scores.dtype)


def check_labels(operation: str, scores: gd.Tensor, labels: gd.Tensor) -> None:
    """Refuse labels that do not fit scores.

    Raises:
        DTypeError: labels that are not integers. ShapeError: other shapes than (…, classes) and (…).
    """
    if not labels.dtype.is_integer:
        error: GraphdiffError = DTypeError(
            f"labels are {labels.dtype}, not integers", fix="give class numbers: labels.astype('int64')"
        )
    elif not scores.ndim or scores.shape[:-1] != labels.shape:
        error = ShapeError(
            f"scores of shape {scores.shape} do not fit labels of shape {labels.shape}",
            fix="scores have the shape of the labels and one last axis of classes",
        )
    else:
        return
    raise located(error, operation, scores, labels)
