"""Every layer through the kit, and against torch's: values, gradients, second derivatives, states."""

import numpy as np
import pytest
from hypothesis import given, note
from plugins.agreement import agrees, agrees_twice, copied, exchange_states
from plugins.layer_samples import SAMPLES

import graphdiff as gd
from graphdiff.errors import ArgumentError, GraphdiffError, ShapeError
from graphdiff.testing import check_layer
from graphdiff.testing.strategies import sources

every_layer = pytest.mark.parametrize("name", SAMPLES)
ONCE = {"Embedding"}  # takes integers
DRAWN = ("Dropout", "Dropout2d")  # have a test file of their own


def drawn(name, source):
    layer, theirs, x = SAMPLES[name](source)
    note(f"{layer} on {x.shape}")
    return layer, copied(layer, theirs), x


def test_every_registered_layer_has_samples():
    assert {info.name for info in gd.layers.list() if info.distribution == "graphdiff"} == KIT.keys()


@every_layer
@given(sources())
def test_values_and_gradients_are_torchs_in_training_and_in_evaluation(name, source):
    layer, theirs, x = drawn(name, source)
    agrees(layer, theirs, x, tolerance=1e-8)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(layer.state_dict()[key], value, rtol=1e-10, atol=1e-12, err_msg=key)
    layer.eval()
    theirs.eval()
    agrees(layer, theirs, x, g_seed=1, tolerance=1e-8)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ONCE])
@given(sources())
def test_second_derivatives_are_torchs(name, source):
    layer, theirs, x = drawn(name, source)
    agrees_twice(layer, theirs, x, tolerance=1e-6)


@every_layer
@given(sources())
def test_states_go_both_ways(name, source):
    exchange_states(*SAMPLES[name](source)[:2])


# The kit


def dropout(name):
    return lambda s: (getattr(gd.layers, name)(s.choice([0.5, 0.0, 0.1, 1.0])), s.distinct((2, 3, 2, 2)) / 4)


def without_padding(s):
    """Its padding has a gradient of 0 that differences do not see."""
    count = s.integer(1, 4)
    return gd.layers.Embedding(count, s.integer(1, 3), seed=1), s.integers(s.shape(min_side=1), 0, count - 1)


KIT = {name: lambda s, name=name: SAMPLES[name](s)[::2] for name in SAMPLES}
KIT |= {name: dropout(name) for name in DRAWN} | {"Embedding": without_padding}


def refused(name):
    """The misfits of a layer; of the others none is declared."""
    return {
        what: lambda make=make, shape=shape: make(gd.layers)(np.ones(shape, "float32"))
        for what, (make, shape) in MISFITS.items()
        if what.split()[0] == name
    }


# Wrong use

MISFITS = {
    "Linear": (lambda l: l.Linear(3, 2), (2, 4)),
    "Conv1d": (lambda l: l.Conv1d(3, 2, 1), (2, 4, 5)),
    "Conv2d": (lambda l: l.Conv2d(3, 2, 1), (2, 4, 5, 5)),
    "Conv2d whose filter does not fit": (lambda l: l.Conv2d(1, 2, 3, stride=3), (1, 1, 7, 7)),
    "ConvTranspose2d": (lambda l: l.ConvTranspose2d(3, 2, 1), (2, 4, 5, 5)),
    "BatchNorm1d": (lambda l: l.BatchNorm1d(3), (2, 4)),
    "BatchNorm1d of images": (lambda l: l.BatchNorm1d(3), (2, 3, 4, 5)),
    "BatchNorm2d": (lambda l: l.BatchNorm2d(3), (2, 3)),
    "LayerNorm": (lambda l: l.LayerNorm((3, 4)), (2, 4, 3)),
    "GroupNorm": (lambda l: l.GroupNorm(2, 4), (2, 6, 3)),
    "LocalResponseNorm": (lambda l: l.LocalResponseNorm(2), (3,)),
    "PReLU": (lambda l: l.PReLU(3), (2, 4)),
    "Maxout": (lambda l: l.Maxout(3), (2, 4)),
    "Dropout2d": (lambda l: l.Dropout2d(0.5), (2, 4)),
    "MaxPool2d": (lambda l: l.MaxPool2d(2), (2, 4)),
    "Concat": (lambda l: l.Concat(l.Flatten(), l.ReLU()), (2, 4, 3)),
    "Residual": (lambda l: l.Residual(l.Flatten()), (2, 4, 3)),
}


@pytest.mark.parametrize("name", MISFITS)
def test_an_input_that_does_not_fit_is_answered_with_layer_shape_and_fix(name):
    make, shape = MISFITS[name]
    net = gd.layers.Sequential(part=gd.layers.Sequential(here=make(gd.layers)))
    with pytest.raises(ShapeError) as caught:
        net(np.ones(shape, "float32"))
    message = str(caught.value)
    assert "layer: part.here (" in message
    assert str(shape) in message or f"float32{list(shape)}" in message
    assert "fix: " in message


@pytest.mark.parametrize(
    "make",
    [
        lambda l: l.Conv1d(3, 2, 0),
        lambda l: l.Conv2d(3, 2, (1, 2, 3)),
        lambda l: l.Conv2d(3, 4, 3, groups=2),
        lambda l: l.ConvTranspose2d(3, 2, 1, groups=2),
        lambda l: l.Embedding(0, 2),
        lambda l: l.Embedding(3, 2, padding=3),
        lambda l: l.GroupNorm(2, 3),
        lambda l: l.LocalResponseNorm(0),
        lambda l: l.Maxout(0),
        lambda l: l.Concat(1),
        lambda l: l.GELU("erf")(1.0),
        lambda l: l.Concat()(np.ones((2, 3))),
        lambda l: l.Embedding(3, 2)([3]),
        lambda l: l.Embedding(3, 2)([0.5]),
    ],
)
def test_options_that_make_no_sense_are_answered(make):
    with pytest.raises(ArgumentError) as caught:
        make(gd.layers)
    assert "fix: " in str(caught.value)


CHECKS = {
    (name, key): check
    for name, samples in KIT.items()
    for key, check in check_layer.checks(
        getattr(gd.layers, name), samples, refusals=refused(name), examples=8
    ).items()
    if key != "refusals" or refused(name)
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=["-".join(key) for key in CHECKS])
def test_check(check):
    check()


# Examples


def test_an_embedding_does_not_train_its_padding():
    layer = gd.layers.Embedding(3, 2, padding=-1, seed=0)
    assert layer.weight.numpy()[2].tolist() == [0, 0]
    gd.sum(layer([[0, 2], [-1, 1], [0, 0]])).backward()
    assert layer.weight.grad.tolist() == [[3, 3], [1, 1], [0, 0]]
    assert layer([[0, 2]]).shape == (1, 2, 2)


def test_maxout_is_the_papers_unit_behind_a_linear_layer():
    linear = gd.layers.Linear(2, 4, dtype="float64", seed=0)
    x = np.random.default_rng(0).normal(size=(5, 2))
    scores = x @ linear.weight.numpy().T + linear.bias.numpy()
    expected = np.maximum(scores[:, 0::2], scores[:, 1::2])
    np.testing.assert_allclose(gd.layers.Sequential(linear, gd.layers.Maxout(2))(x), expected, rtol=1e-12)


def test_inceptions_join_keeps_the_names_of_its_branches():
    layers = gd.layers
    module = layers.Concat(
        branch1=layers.Conv2d(3, 2, 1), branch2=layers.Sequential(layers.Conv2d(3, 4, 3, padding=1), gd.relu)
    )
    assert module(np.ones((2, 3, 5, 5), "float32")).shape == (2, 6, 5, 5)
    assert list(module.state_dict())[:3] == ["branch1.weight", "branch1.bias", "branch2.0.weight"]
    assert isinstance(module[:1], layers.Concat)
    assert len(module) == 2


def test_errors_name_the_innermost_layer_once():
    net = gd.layers.Sequential(a=gd.layers.Sequential(b=gd.layers.Linear(2, 2)))
    with pytest.raises(GraphdiffError) as caught:
        net(np.ones(3))
    assert str(caught.value).count("layer: ") == 1
    assert caught.value.layer == "a.b (Linear)"
