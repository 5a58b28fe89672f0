"""The losses' kit: every check of its own catches the flaw that it is meant for."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.testing import CheckError, check_loss
from graphdiff.testing.loss import CHECKS

REDUCED = {"none": lambda each: each, "sum": gd.sum, "mean": gd.mean}


def reduced(each, reduction):
    if reduction not in REDUCED:
        raise ArgumentError(f"{reduction!r} is unknown", fix="use none, sum or mean")
    return REDUCED[reduction](each)


def quartic(predictions, targets, *, reduction="mean"):
    """(p − t)⁴: without a flaw."""
    return reduced(gd.square(gd.square(gd.as_tensor(predictions) - targets)), reduction)


def half_mean(predictions, targets, *, reduction="mean"):
    """Its mean is of the predictions as well."""
    whole = reduced(gd.square(gd.as_tensor(predictions) - targets), reduction)
    return whole * gd.mean(gd.as_tensor(predictions)) if reduction == "mean" else whole


def lenient(predictions, targets, *, reduction="mean"):
    each = gd.square(gd.as_tensor(predictions) - targets)
    return reduced(each, reduction if reduction in REDUCED else "mean")


def overflowing(predictions, targets, *, reduction="mean"):
    return reduced(gd.log(gd.exp(gd.as_tensor(predictions)) + 1) - predictions * targets, reduction)


_uphill = gd.Composite("uphill", gd.square, vjp=(lambda g, out, d: -2 * g * d,), elementwise=True)


def uphill(predictions, targets, *, reduction="mean"):
    return reduced(_uphill(gd.as_tensor(predictions) - targets), reduction)


def widening(predictions, targets, *, reduction="mean"):
    return reduced(gd.square(gd.cast(predictions, "float64") - targets), reduction)


def shifted(predictions, targets, *, reduction="mean"):
    return reduced(gd.square(gd.as_tensor(predictions) - targets - 0.25), reduction)


def samples(loss):
    def draw(source):
        shape = source.shape()
        return loss, [source.array(shape), source.array(shape, offset=0.65)]

    return draw


def best(loss):
    def draw(source):
        x = source.array(source.shape(min_dims=1, min_side=1))
        return loss, [x, x]

    return draw


FLAWS = [
    (half_mean, "reductions"),
    (lenient, "reductions"),
    (overflowing, "large"),
    (uphill, "descent"),
    (uphill, "gradients"),
    (widening, "dtype"),
    (shifted, "minimum"),
]


def test_a_sound_loss_passes():
    refusals = {"a median": lambda: quartic(1.0, 2.0, reduction="median")}
    results = check_loss(quartic, samples(quartic), minimum=best(quartic), refusals=refusals)
    assert set(results.passed) == {*CHECKS, "minimum", "refusals"}
    assert "quartic: 18 checks passed: gradients, second_order" in str(results)


@pytest.mark.parametrize(("loss", "meant"), FLAWS, ids=[f"{loss.__name__}-{meant}" for loss, meant in FLAWS])
def test_a_flaw_is_caught_by_the_check_meant_for_it(loss, meant):
    with pytest.raises(CheckError) as caught:
        check_loss.checks(loss, samples(loss), minimum=best(loss))[meant]()
    assert str(caught.value).startswith(f"check_loss({loss.__name__}): check {meant!r} failed")


def test_what_is_not_refused_is_said():
    refusals = {"a negative margin": lambda: np.zeros(1)}
    with pytest.raises(CheckError, match="a negative margin is not refused"):
        check_loss.checks(quartic, samples(quartic), refusals=refusals)["refusals"]()
