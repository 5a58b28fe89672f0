"""Modules: parameters by path, scopes, state dicts; layers, losses and penalties against torch."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.errors import ArgumentError, MutationError, ShapeError, StateError
from graphdiff.testing.strategies import sources


class Block(gd.Module):
    def __init__(self):
        self.branches = [gd.layers.Linear(3, 3, seed=1), gd.layers.Linear(3, 3, seed=2)]
        self.by_name = {"last": gd.layers.Linear(3, 2, bias=False, seed=3)}
        self.scale = gd.Parameter([2.0])

    def forward(self, x):
        return self.by_name["last"](sum(b(x) for b in self.branches)) * self.scale


class Net(gd.Module):
    def __init__(self):
        self.features = Block()
        self.shared = self.features.scale


def test_parameters_are_found_by_path_each_once():
    names = [name for name, _ in Net().named_parameters()]
    assert names == [
        "shared",
        "features.branches.0.weight",
        "features.branches.0.bias",
        "features.branches.1.weight",
        "features.branches.1.bias",
        "features.by_name.last.weight",
    ]


def test_a_parameter_is_named_by_its_path_however_late_it_came():
    net = gd.layers.Sequential(block=Block())
    net.block.extra = gd.layers.Linear(2, 2)
    assert net.block.extra.weight.name == "block.extra.weight"
    assert net.block.branches[1].bias.name == "block.branches.1.bias"


def test_calls_are_recorded_below_the_modules_names():
    net = gd.layers.Sequential(features=Block(), relu=gd.layers.ReLU())
    y = net(np.ones((2, 3)))
    assert y.context.scope == "relu"
    from graphdiff.autodiff.walk import ancestors

    scopes = {t.context.scope for t in ancestors(y) if t.primitive}
    assert scopes >= {
        "features",
        "features.branches.0",
        "features.branches.1",
        "features.by_name.last",
        "relu",
    }


def test_the_repr_shows_the_tree():
    text = repr(gd.layers.Sequential(gd.layers.Linear(3, 4), gd.layers.ReLU()))
    assert text == "Sequential(\n  (0): Linear(3, 4)\n  (1): ReLU()\n)"


def test_state_dicts_go_round():
    one, two = Block(), gd.layers.Sequential(Block())[0]
    two.load_state_dict(one.state_dict())
    for (name, p), q in zip(one.named_parameters(), two.parameters(), strict=True):
        np.testing.assert_array_equal(p, q, err_msg=name)
    state = one.state_dict()
    state["scale"][0] = 7
    assert one.scale.item() == 2


def test_a_state_dict_that_does_not_fit_changes_nothing():
    net = gd.layers.Linear(2, 2, seed=0)
    before = net.state_dict()
    with pytest.raises(StateError, match="missing bias; unknown extra"):
        net.load_state_dict({"weight": np.zeros((2, 2)), "extra": np.zeros(1)})
    with pytest.raises(ShapeError, match=r"bias has shape \(2,\), the state dict gives \(3,\)"):
        net.load_state_dict({"weight": np.zeros((2, 2)), "bias": np.zeros(3)})
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    net.load_state_dict({"bias": np.ones(2)}, strict=False)
    assert net.bias.tolist() == [1, 1]


def test_a_parameter_keeps_shape_and_dtype():
    p = gd.Parameter([1.0, 2.0], name="p")
    with pytest.raises(ShapeError, match="p is float32"):
        p.assign([1.0])
    p.assign(np.array([3.0, 4.0], "float64"))
    assert p.dtype == "float32"
    assert p.tolist() == [3, 4]


@pytest.mark.parametrize("make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_a_module_are_their_own(make):
    net = gd.layers.Sequential(fc=gd.layers.Linear(2, 1, seed=0))
    other = make(net)
    np.testing.assert_array_equal(other.fc.weight, net.fc.weight)
    assert isinstance(other.fc.weight, gd.Parameter)
    other.fc.weight.assign([[9.0, 9.0]])
    assert net.fc.weight.tolist() != [[9, 9]]
    assert other.fc.weight.name == "fc.weight"
    net.fc.bias.frozen = True
    assert [p.frozen for p in make(net).parameters()] == [False, True]


def test_sequential_is_a_sequence_and_checks_its_layers():
    net = gd.layers.Sequential(gd.layers.Linear(2, 2), gd.relu)
    assert len(net) == 2
    assert net[1] is gd.relu
    with pytest.raises(ArgumentError, match="layer 1 of Sequential is 5"):
        gd.layers.Sequential(gd.relu, 5)


# Layers


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from([(), (3,), (2, 3)]),
    st.integers(0, 9),
)
def test_linear_is_torchs(inputs, outputs, bias, batch, seed):
    layer = gd.layers.Linear(inputs, outputs, bias, dtype="float64", seed=seed)
    theirs = torch.nn.Linear(inputs, outputs, bias, dtype=torch.float64)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    x = np.random.default_rng(seed).normal(size=(*batch, inputs))
    xt = torch.tensor(x, requires_grad=True)
    g = np.random.default_rng(seed + 1).normal(size=(*batch, outputs))
    theirs(xt).backward(torch.tensor(g))
    variable = gd.variable(x)
    y = layer(variable)
    y.backward(g)
    np.testing.assert_allclose(y, theirs(xt).detach(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(variable.grad, xt.grad, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.weight.grad, theirs.weight.grad, rtol=1e-12, atol=1e-12)
    if bias:
        np.testing.assert_allclose(layer.bias.grad, theirs.bias.grad, rtol=1e-12, atol=1e-12)


def test_linear_starts_within_torchs_bounds_and_repeats_from_a_seed():
    layer = gd.layers.Linear(100, 50, seed=0)
    assert layer.weight.shape == (50, 100)
    assert 0.09 < np.abs(layer.weight).numpy().max() <= 0.1
    assert layer.weight.dtype == "float32"
    np.testing.assert_array_equal(layer.weight, gd.layers.Linear(100, 50, seed=0).weight)
    gd.seed(5)
    one = gd.layers.Linear(3, 3).weight.tolist()
    gd.seed(5)
    assert gd.layers.Linear(3, 3).weight.tolist() == one
    assert gd.layers.Linear(3, 3).weight.tolist() != one


def test_linear_refuses_what_does_not_fit():
    net = gd.layers.Sequential(fc=gd.layers.Linear(64, 10))
    with pytest.raises(ShapeError, match=r"layer fc takes 64 features on the last axis.*\(5, 63\)"):
        net(np.ones((5, 63)))
    with pytest.raises(ArgumentError, match="at least 1"):
        gd.layers.Linear(0, 3)


@pytest.mark.parametrize("name", ["ReLU", "Sigmoid", "Tanh"])
@given(sources())
def test_activations_are_torchs(name, source):
    x = source.array(source.shape())
    xt = torch.tensor(x, requires_grad=True)
    expected = getattr(torch.nn, name)()(xt)
    expected.sum().backward()
    variable = gd.variable(x)
    y = getattr(gd.layers, name)()(variable)
    y.sum().backward()
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-12)
    np.testing.assert_allclose(variable.grad, xt.grad, rtol=1e-12, atol=1e-15)


def test_a_parameter_cannot_be_replaced_by_a_tensor():
    layer = gd.layers.Linear(2, 1)
    with pytest.raises(MutationError, match=r"weight\.assign\(value\)"):
        layer.weight = layer.weight * 0.9
    layer.weight = gd.Parameter(np.zeros((1, 2)))
    assert len(layer.parameters()) == 2


@pytest.mark.parametrize("name", ["_fc", "forward", "train", "training", "parameters"])
def test_sequential_refuses_names_that_modules_use(name):
    with pytest.raises(ArgumentError, match=f"cannot be called '{name}'"):
        gd.layers.Sequential(**{name: gd.layers.Linear(2, 2)})


def test_a_slice_of_sequential_is_one_of_the_same_layers():
    net = gd.layers.Sequential(gd.layers.Linear(2, 3, seed=0), gd.relu, last=gd.layers.Linear(3, 1, seed=1))
    head, rest = net[0:1], net[1:]
    assert isinstance(head, gd.layers.Sequential)
    assert (len(head), len(rest), rest[-1] is net[2]) == (1, 2, True)
    assert [name for name, _ in rest.named_parameters()] == ["last.weight", "last.bias"]
    whole = gd.layers.Sequential(inner=net).eval()
    part = whole.inner[:1]
    assert part[0].weight.name == "inner.0.weight"
    assert not part.training
    net.train()
    x = np.ones((4, 2), "float32")
    np.testing.assert_array_equal(rest(head(x)), net(x))
