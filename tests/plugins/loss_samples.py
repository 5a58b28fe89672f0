"""For every loss: a draw of ours with its options, its inputs, and torch's loss of the floating ones."""

from functools import partial

import torch
import torch.nn.functional as F

import graphdiff as gd


def one_of(s, options):
    return {name: s.choice(values) for name, values in options.items()}


def hinge(s):
    scores = s.distinct((s.integer(1, 4), s.integer(2, 5))) * 1.0137  # no difference is exactly the margin
    n, classes = scores.shape
    labels = s.integers((n,), 0, classes - 1)
    options = one_of(s, {"margin": [0.5, 1.0, 2.0], "squared": [False, True]})

    def theirs(scores, reduction):
        # torch divides by the number of classes
        return classes * F.multi_margin_loss(
            scores, torch.tensor(labels), 1 + options["squared"], options["margin"], reduction=reduction
        )

    return partial(gd.losses.hinge, **options), [scores, labels], theirs


def softmax_cross_entropy(s):
    shape = (s.integer(1, 3), *s.choice([(), (2,)]), s.integer(1, 4))
    classes, ignored = shape[-1], s.choice([None, -100, 0])
    labels = s.integers(shape[:-1], 0, classes - 1)
    if ignored == -100:
        labels.ravel()[1:] = ignored
    if ignored == 0:
        labels.ravel()[0] = classes - 1
        ignored = 0 if classes > 1 else None
    options = {
        "class_weights": s.choice([None, s.array((classes,), 0.1, 3.0)]),
        "label_smoothing": s.choice([0.0, 0.1, 1.0]),
        "ignore_index": ignored,
    }

    def theirs(logits, reduction):
        weights, spare = options["class_weights"], -100 if ignored is None else ignored
        return F.cross_entropy(
            logits.movedim(-1, 1), torch.tensor(labels), None if weights is None else torch.tensor(weights),
            ignore_index=spare, reduction=reduction, label_smoothing=options["label_smoothing"],
        )  # fmt: skip

    return partial(gd.losses.softmax_cross_entropy, **options), [s.array(shape) * 5, labels], theirs


def soft_labels(s):
    shape = (s.integer(1, 3), *s.choice([(), (2,)]), s.integer(1, 4))
    options = {
        "class_weights": s.choice([None, s.array(shape[-1:], 0.1, 3.0)]),
        "label_smoothing": s.choice([0.0, 0.1]),
    }

    def theirs(logits, targets, reduction):
        weights = None if options["class_weights"] is None else torch.tensor(options["class_weights"])
        rest = {"label_smoothing": options["label_smoothing"], "reduction": reduction}
        return F.cross_entropy(logits.movedim(-1, 1), targets.movedim(-1, 1), weights, **rest)

    inputs = [s.array(shape) * 3, s.array(shape, 0.1, 1.0)]
    return partial(gd.losses.softmax_cross_entropy, **options), inputs, theirs


def binary_cross_entropy(s):
    shape = s.shape(min_dims=1, min_side=1)
    weight = s.choice([None, s.array(shape[-1:], 0.1, 3.0)])
    theirs_weight = None if weight is None else torch.tensor(weight)
    inputs = [s.array(shape) * 5, s.array(shape, 0.1, 1.0)]
    return (
        partial(gd.losses.binary_cross_entropy, pos_weight=weight),
        inputs,
        partial(F.binary_cross_entropy_with_logits, pos_weight=theirs_weight),
    )


def kl_divergence(s):
    shape = (*s.shape(max_dims=2, min_side=1), s.integer(1, 4))

    def theirs(p, t, reduction):
        if reduction == "none":
            return F.kl_div(p, t, reduction="none").sum(-1)
        p, t = p.reshape(-1, p.shape[-1]), t.reshape(-1, t.shape[-1])
        return F.kl_div(p, t, reduction={"mean": "batchmean", "sum": "sum"}[reduction])

    inputs = [s.array(shape), s.array(shape, 0.1, 1.0)]
    return gd.losses.kl_divergence, inputs, theirs


def _of_numbers(name, torchs, options=None):
    def draw(s):
        shape, chosen = s.shape(min_side=1), one_of(s, options or {})
        inputs = [s.array(shape), s.array(shape, offset=0.65)]
        return partial(getattr(gd.losses, name), **chosen), inputs, partial(torchs, **chosen)

    return draw


LOSSES = {
    "hinge": hinge,
    "softmax_cross_entropy": softmax_cross_entropy,
    "soft labels": soft_labels,
    "binary_cross_entropy": binary_cross_entropy,
    "kl_divergence": kl_divergence,
    "mean_squared": _of_numbers("mean_squared", F.mse_loss),
    "mean_absolute": _of_numbers("mean_absolute", F.l1_loss),
    "huber": _of_numbers("huber", F.huber_loss, {"delta": [0.3, 1.0]}),
}
