"""Initial values: torch's bounds and deviations, repeated from a seed; choosing parameters by name."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.errors import ArgumentError, ShapeError

shapes = st.sampled_from([(40, 60), (20, 10, 5), (16, 8, 3, 3)])
GAINS = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


@pytest.mark.parametrize("nonlinearity", GAINS)
def test_gains_are_torchs(nonlinearity):
    assert gd.init.gain(nonlinearity) == pytest.approx(torch.nn.init.calculate_gain(nonlinearity), rel=1e-15)
    assert gd.init.gain("leaky_relu", 0.3) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.3))


@given(shapes)
def test_fans_are_torchs(shape):
    expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert gd.init.fans(shape) == gd.init.fans(np.empty(shape)) == gd.init.fans(gd.zeros(shape)) == expected


def deviation(kind, shape, **options):
    """The deviation that torch's function of the same name draws with."""
    fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    if kind == "xavier":
        return options.get("gain", 1.0) * math.sqrt(2 / (fan_in + fan_out))
    fan = fan_in if options["mode"] == "fan_in" else fan_out
    return torch.nn.init.calculate_gain(options["nonlinearity"], options["slope"]) / math.sqrt(fan)


@given(
    shapes,
    st.sampled_from(["fan_in", "fan_out"]),
    st.sampled_from(["relu", "leaky_relu", "tanh"]),
    st.sampled_from([0.0, 0.3]),
    st.integers(0, 99),
)
def test_kaiming_has_its_deviation(shape, mode, nonlinearity, slope, seed):
    options = {"mode": mode, "nonlinearity": nonlinearity, "slope": slope}
    of_torch = deviation("kaiming", shape, **options)
    check(gd.init.kaiming_uniform(shape, **options, seed=seed), shape, of_torch, bounded=True)
    check(gd.init.kaiming_normal(shape, **options, seed=seed), shape, of_torch, bounded=False)


@given(shapes, st.sampled_from([1.0, 5 / 3]), st.integers(0, 99))
def test_xavier_has_its_deviation(shape, gain, seed):
    of_torch = deviation("xavier", shape, gain=gain)
    check(gd.init.xavier_uniform(shape, gain, seed=seed), shape, of_torch, bounded=True)
    check(gd.init.xavier_normal(shape, gain, seed=seed), shape, of_torch, bounded=False)


def check(values, shape, deviation, bounded):
    """At least 1,000 numbers: mean and deviation are right within 5 and 12 hundredths of the deviation, which
    is more than four of their own deviations, and a uniform draw stays within its bounds."""
    assert values.shape == shape
    assert abs(values.mean()) < 0.15 * deviation
    assert values.std() == pytest.approx(deviation, rel=0.12)
    if bounded:
        bound = math.sqrt(3) * deviation
        assert 0.97 * bound < np.abs(values).max() <= bound
    else:
        assert np.abs(values).max() > 2 * deviation


def test_seeds_repeat_and_the_shared_numbers_go_on():
    draw = gd.init.kaiming_normal
    np.testing.assert_array_equal(draw((3, 4), seed=1), draw((3, 4), seed=1))
    gd.seed(3)
    one, two = draw((3, 4)), draw((3, 4))
    assert (one != two).all()
    gd.seed(3)
    np.testing.assert_array_equal(draw((3, 4)), one)


def test_layers_start_as_torchs_defaults():
    assert np.abs(gd.layers.Linear(100, 50, seed=0).weight.numpy()).max() <= 0.1
    conv, linear = gd.layers.ConvTranspose2d(4, 10, 2, seed=0), gd.layers.Conv1d(5, 4, 8, seed=0)
    for layer, fan in ((conv, 40), (linear, 40)):
        largest = np.abs(layer.weight.numpy()).max()
        assert 0.9 / math.sqrt(fan) < largest <= 1 / math.sqrt(fan)


def test_a_weight_takes_what_is_drawn_for_it():
    conv = gd.layers.Conv2d(3, 8, 3)
    conv.weight.assign(gd.init.kaiming_normal(conv.weight, mode="fan_out", nonlinearity="relu", seed=0))
    assert conv.weight.dtype == "float32"
    assert conv.weight.numpy().std() == pytest.approx(math.sqrt(2 / 72), rel=0.2)


def test_what_cannot_be_initialised_is_answered():
    with pytest.raises(ShapeError, match=r"shape \(3,\) has no inputs"):
        gd.init.kaiming_normal((3,))
    with pytest.raises(ShapeError, match="no inputs"):
        gd.init.xavier_normal((3, 0))
    with pytest.raises(ArgumentError, match="nonlinearity='mish'"):
        gd.init.gain("mish")
    with pytest.raises(ArgumentError, match="use one of fan_in, fan_out"):
        gd.init.kaiming_uniform((3, 3), mode="fan_avg")
