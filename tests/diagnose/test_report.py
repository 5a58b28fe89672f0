"""The states of gradients and values in a report, and what is asked for in vain."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError


def states(report):
    return {g.node.name: g.state for g in report.gradients if g.node.name}


def test_every_state_of_a_gradient():
    names = ("small", "large", "nothing", "fine", "overflows")
    small, large, nothing, fine, overflows = gd.variables(**dict.fromkeys(names, 1.0))
    apart = gd.Parameter(1.0, name="apart")
    f = small * 1e-9 + large * 1e9 + nothing * 0.0 + fine + gd.floor(apart) + gd.sqrt(overflows - 1)
    report = gd.diagnose(f.backward())
    assert states(report) == {
        "small": "vanishing",
        "large": "exploding",
        "nothing": "zero",
        "fine": "fine",
        "apart": "no gradient here",
        "overflows": "infinite",
    }
    text = str(report)
    assert "vanishing (norm below 1.0e−6): small 1.0e−9" in text
    assert "exploding (norm above 1.0e3): large 1.0e9" in text
    assert "zero: nothing" in text
    assert "no gradient here: apart" in text


def test_without_a_backward_pass_it_says_so():
    x = gd.variable([1.0, 2.0], name="x")
    report = gd.diagnose(gd.sum(x * x))
    assert states(report) == {"x": "no backward yet"}
    assert "gradients: no backward yet" in str(report)


def test_dead_units_of_a_relu_are_counted():
    x = gd.variable(np.ones((20, 3)), name="x")
    alive = gd.tensor([1.0, -1.0, -1.0])
    report = gd.diagnose(gd.sum(gd.relu(x * alive)))
    assert [(d.units, d.dead) for d in report.dead] == [(3, 2)]
    assert "2 of 3 units are zero for the whole batch" in str(report)
    assert gd.diagnose(gd.sum(gd.relu(x[:2] * alive))).dead == ()  # too few examples to tell
    assert gd.diagnose(gd.sum(gd.relu(-x[:2]))).dead[0].dead == 3


def test_a_vanishing_network_is_told_from_a_residual_one():
    layers = gd.layers
    gd.seed(0)
    deep = [layers.Sequential(layers.Linear(8, 8), layers.Sigmoid()) for _ in range(12)]
    x, labels = np.ones((4, 8), "float32"), np.zeros(4, int)
    loss = gd.losses.softmax_cross_entropy
    plain = gd.diagnose(layers.Sequential(*deep), x, labels, loss=loss)
    residual = gd.diagnose(layers.Sequential(*map(layers.Residual, deep)), x, labels, loss=loss)
    assert {g.node.name for g in plain.in_state("vanishing")} >= {"0.0.weight", "0.0.bias"}
    assert residual.in_state("vanishing") == []


@pytest.mark.parametrize(
    ("target", "args", "message"),
    [
        (3, (), "an int cannot be run"),
        (gd.tensor(1.0), (2,), "takes no arguments"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused(target, args, message):
    with pytest.raises(ArgumentError, match=message):
        gd.diagnose(target, *args)
