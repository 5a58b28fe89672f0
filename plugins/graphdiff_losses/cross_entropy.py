"""Cross-entropies: from scores to −ln of the probability that they give to what is right."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.arguments import check_integers, check_numbers
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.ops.common import located
from graphdiff.ops.precision import for_loss
from graphdiff_losses.labels import check_labels, one_hot
from graphdiff_losses.reduction import alike, check_reduction, reduced

# Primitives


def _cross_entropy(logits: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
    right = one_hot(logits, labels)
    # The other classes are left out by choice: 0 times their −∞ would be NaN.
    return -gd.sum(gd.where(right == 0, 0, gd.log_softmax(logits) * right), -1)


def _cross_entropy_vjp(g: gd.Tensor, out: gd.Tensor, logits: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
    return gd.expand_dims(g, -1) * (gd.softmax(logits) - one_hot(logits, labels))


cross_entropy = gd.Composite(
    "softmax_cross_entropy",
    _cross_entropy,
    vjp=(_cross_entropy_vjp, None),
    formula=("p − onehot(y)", ""),
    symbol="−ln pᵧ",
)


def _soft_cross_entropy(logits: gd.Tensor, targets: gd.Tensor) -> gd.Tensor:
    return -gd.sum(gd.where(targets == 0, 0, gd.log_softmax(logits) * targets), -1)


def _logits_vjp(g: gd.Tensor, out: gd.Tensor, logits: gd.Tensor, targets: gd.Tensor) -> gd.Tensor:
    return gd.expand_dims(g, -1) * (gd.softmax(logits) * gd.sum(targets, -1, keepdims=True) - targets)


def _targets_vjp(g: gd.Tensor, out: gd.Tensor, logits: gd.Tensor, targets: gd.Tensor) -> gd.Tensor:
    return gd.expand_dims(g, -1) * -gd.log_softmax(logits)


soft_cross_entropy = gd.Composite(
    "soft_cross_entropy",
    _soft_cross_entropy,
    vjp=(_logits_vjp, _targets_vjp),
    unify=slice(None),
    formula=("p Σt − t", "−ln p"),
    symbol="−Σ t ln p",
)

binary_entropy = gd.Composite(
    "binary_cross_entropy",
    lambda x, t, weight: (1 - t) * gd.softplus(x) + weight * t * gd.softplus(-x),
    vjp=(
        lambda g, out, x, t, weight: g * ((1 - t) * gd.sigmoid(x) - weight * t * gd.sigmoid(-x)),
        lambda g, out, x, t, weight: g * (weight * gd.softplus(-x) - gd.softplus(x)),
        lambda g, out, x, t, weight: g * t * gd.softplus(-x),
    ),
    elementwise=True,
    floating=True,
    formula=("(1−t)σ(x) − w·t·σ(−x)", "w·ln(1+e⁻ˣ) − ln(1+eˣ)", "t·ln(1+e⁻ˣ)"),
    symbol="BCE",
)

# Functions


def softmax_cross_entropy(
    logits: Any,
    labels: Any,
    *,
    class_weights: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> gd.Tensor:
    """−ln softmax(logits)[label], in nats; for labels that are probabilities −Σ label · ln softmax(logits).

    Args:
        logits: (…, classes), floating; any scores, not probabilities.
        labels: (…), integers from 0 to classes − 1; or (…, classes), floating: a probability for each class.
        class_weights: (classes,): the loss of a class counts so many times.
        label_smoothing: ε from 0 to 1: the share of every label that is spread evenly over all classes
            (Szegedy et al. 2015, section 7).
        ignore_index: examples of this label have the loss 0 and do not count.
        reduction: "mean", "sum" or "none" (one loss per example). The mean over integer labels is one
            weighted by the class weights, as in torch.

    Raises:
        ShapeError: labels whose shape fits neither form, or weights that are not one per class.
        DTypeError: labels that are neither. ArgumentError: a label out of range, an option that makes no
            sense, or an unknown reduction.
    """
    name = "softmax_cross_entropy"
    check_reduction(name, reduction)
    scores, given = for_loss(gd.as_tensor(logits)), gd.as_tensor(labels)
    soft = given.dtype.is_floating
    _check_options(scores, soft, label_smoothing, ignore_index)
    weights = _class_weights(scores, class_weights)
    if soft:
        scores, targets = alike(name, scores, given)
        targets = _smoothed(targets, label_smoothing)
        targets = targets if weights is None else targets * weights
        return reduced(soft_cross_entropy(scores, targets), reduction)
    check_labels(name, scores, given)
    _check_ignored(scores, given, ignore_index)
    kept = None if ignore_index is None else gd.not_equal(given, ignore_index)
    safe = given if kept is None else gd.where(kept, given, 0)
    losses, counts = _per_example(scores, safe, weights, label_smoothing)
    if kept is not None:
        losses = gd.where(kept, losses, 0)
        counts = gd.cast(kept, scores.dtype) * (1 if counts is None else counts)
    if reduction == "mean" and counts is not None:
        return gd.sum(losses) / gd.sum(counts)
    return reduced(losses, reduction)


def _per_example(
    logits: gd.Tensor, labels: gd.Tensor, weights: gd.Tensor | None, smoothing: float
) -> tuple[gd.Tensor, gd.Tensor | None]:
    """The losses, and how much each example counts where that is not once."""
    if weights is None and not smoothing:
        return cross_entropy(logits, labels), None
    right = one_hot(logits, labels)
    if weights is None:
        return soft_cross_entropy(logits, _smoothed(right, smoothing)), None
    losses = soft_cross_entropy(logits, _smoothed(right, smoothing) * weights)
    return losses, gd.sum(right * weights, -1)


def _smoothed(targets: gd.Tensor, smoothing: float) -> gd.Tensor:
    if not smoothing:
        return targets
    return targets * (1 - smoothing) + smoothing / targets.shape[-1]


def _check_ignored(scores: gd.Tensor, labels: gd.Tensor, ignored: int | None) -> None:
    if ignored is None:
        return
    check_integers(ignore_index=ignored)
    limits = np.iinfo(labels.dtype.host)
    if not limits.min <= ignored <= limits.max:
        error = ArgumentError(
            f"ignore_index={ignored} is no {labels.dtype}, as the labels are",
            fix=f"cast the labels, labels.astype('int64'), or ignore one from {limits.min} to {limits.max}",
        )
        raise located(error, "softmax_cross_entropy", scores, labels)


def _check_options(scores: gd.Tensor, soft: bool, smoothing: float, ignored: int | None) -> None:
    check_numbers(label_smoothing=smoothing)
    if not 0 <= smoothing <= 1:
        error = ArgumentError(f"label_smoothing={smoothing} is no share", fix="give a number from 0 to 1")
    elif soft and ignored is not None:
        error = ArgumentError(
            f"ignore_index={ignored} is for integer labels", fix="give zeros where labels are probabilities"
        )
    else:
        return
    raise located(error, "softmax_cross_entropy", scores)


def _class_weights(scores: gd.Tensor, weights: Any) -> gd.Tensor | None:
    if weights is None:
        return None
    given = gd.as_tensor(weights)
    if given.shape != scores.shape[-1:]:
        error = ShapeError(
            f"class weights of shape {given.shape} do not fit scores of shape {scores.shape}",
            fix="give one weight per class",
        )
        raise located(error, "softmax_cross_entropy", scores, given)
    return gd.cast(given, scores.dtype)


def binary_cross_entropy(
    logits: Any, targets: Any, *, pos_weight: Any = None, reduction: str = "mean"
) -> gd.Tensor:
    """−t ln σ(x) − (1 − t) ln(1 − σ(x)) for logits x and targets t, in nats, without overflow.

    Args:
        logits: any shape, floating; scores, not probabilities.
        targets: of the same shape, from 0 to 1; integers and booleans too.
        pos_weight: the first term counts so many times; broadcast, so (labels,) for one per label.
        reduction: "mean" over all elements, "sum" or "none" (one loss per element).

    Raises:
        ShapeError: another shape, or weights that make more of it. ArgumentError: an unknown reduction.
    """
    check_reduction("binary_cross_entropy", reduction)
    x, t = alike("binary_cross_entropy", logits, targets)
    weight = 1.0 if pos_weight is None else gd.cast(pos_weight, x.dtype)
    losses = binary_entropy(x, t, weight)
    if losses.shape != x.shape:
        error = ShapeError(
            f"pos_weight of shape {np.shape(pos_weight)} does not fit logits of shape {x.shape}",
            fix="give one number, one per label, or one per logit",
        )
        raise located(error, "binary_cross_entropy", x)
    return reduced(losses, reduction)


def kl_divergence(log_probabilities: Any, targets: Any, *, reduction: str = "mean") -> gd.Tensor:
    """The Kullback–Leibler divergence Σ t (ln t − ln p) of distributions t from p, in nats.

    Args:
        log_probabilities: (…, classes), floating: ln p, as :func:`graphdiff.log_softmax` gives it.
        targets: of the same shape: the probabilities t. Where one is 0, so is its term.
        reduction: "mean" over the distributions (of (n, classes) torch's "batchmean"), "sum", or
            "none" (one divergence per distribution).

    Raises:
        ShapeError: another shape. ArgumentError: an unknown reduction.
    """
    check_reduction("kl_divergence", reduction)
    p, t = alike("kl_divergence", log_probabilities, targets)
    none = t == 0
    # Chosen before the logarithm, whose derivative at 0 is infinite; and 0 times ln p = −∞ would be NaN.
    terms = t * (gd.log(gd.where(none, 1, t)) - gd.where(none, 0, p))
    return reduced(gd.sum(terms, -1), reduction)
