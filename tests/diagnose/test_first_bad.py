"""The first bad node, of computations in which it is known where NaN or infinity was planted."""

import math

import numpy as np
import pytest
from diagnose import planted

import graphdiff as gd
from graphdiff.errors import NonFiniteError

GRAPHS = range(3)
BAD = {"NaN": math.nan, "infinity": math.inf, "minus infinity": -math.inf}


def step_of(name, seed):
    rng = np.random.default_rng(seed)
    return *planted.MODELS[name](rng), rng


def diagnosed(net, x, labels):
    return gd.diagnose(net, x, labels, loss=gd.losses.softmax_cross_entropy)


# 33 + 24 random graphs


@pytest.mark.parametrize("seed", GRAPHS)
@pytest.mark.parametrize("kind", planted.FORWARD)
def test_forward_in_a_random_graph(kind, seed):
    f = planted.random_graph(seed, planted.FORWARD[kind])
    for report in (gd.diagnose(f), gd.diagnose(f.backward())):
        assert report.forward.node.name == planted.NAME
        assert report.first is report.forward
        assert "planted" in str(report).splitlines()[0]


@pytest.mark.parametrize("seed", GRAPHS)
@pytest.mark.parametrize("kind", planted.BACKWARD)
def test_backward_in_a_random_graph(kind, seed):
    report = gd.diagnose(planted.random_graph(seed, planted.BACKWARD[kind]).backward())
    assert report.forward is None
    assert report.backward.origin.name == planted.NAME
    assert report.backward.node.role == "backward"
    assert "of planted" in str(report)


# 4 models × (2 parameters + 2 batches + 4 operations + 4 derivatives)


@pytest.mark.parametrize("bad", ["NaN", "infinity"])
@pytest.mark.parametrize("name", planted.MODELS)
def test_a_parameter(name, bad):
    net, x, labels, rng = step_of(name, 1)
    paths = dict(net.named_parameters())
    path = list(paths)[rng.integers(len(paths))]
    spoilt = np.array(paths[path].numpy())
    element = tuple(int(rng.integers(n)) for n in spoilt.shape)
    spoilt[element] = BAD[bad]
    paths[path].assign(spoilt)
    found = diagnosed(net, x, labels).first
    assert (found.node.name, found.node.role) == (path, "parameter")
    assert found.element == element


@pytest.mark.parametrize("bad", ["NaN", "minus infinity"])
@pytest.mark.parametrize("name", planted.MODELS)
def test_data(name, bad):
    net, x, labels, rng = step_of(name, 2)
    element = tuple(int(rng.integers(n)) for n in x.shape)
    x[element] = BAD[bad]
    found = diagnosed(net, gd.tensor(x, name="batch"), labels).first
    assert (found.node.name, found.node.role) == ("batch", "input")
    assert found.element == element


@pytest.mark.parametrize("kind", ["log of 0", "0 / 0", "overflow of a square", "a composite"])
@pytest.mark.parametrize("name", planted.MODELS)
def test_forward_in_a_model(name, kind):
    net, x, labels, rng = step_of(name, 3)
    planted.plant_in(net, planted.FORWARD[kind], rng)
    report = diagnosed(net, x, labels)
    assert report.first is report.forward
    assert report.forward.node.name == planted.NAME
    assert report.forward.node.source.startswith("tests/diagnose/planted.py:")


@pytest.mark.parametrize(
    "kind", ["square root at 0", "a vjp that divides by 0", "a vjp with NaN in it", "a vjp with two steps"]
)
@pytest.mark.parametrize("name", planted.MODELS)
def test_backward_in_a_model(name, kind):
    net, x, labels, rng = step_of(name, 4)
    planted.plant_in(net, planted.BACKWARD[kind], rng)
    report = diagnosed(net, x, labels)
    assert report.forward is None
    assert report.first.origin.name == planted.NAME


# Steps


def test_a_failing_step_of_a_trainer():
    net, x, labels, rng = step_of("batch norm", 5)
    planted.plant_in(net, planted.FORWARD["log of 0"], rng)
    trainer = gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
    before = net.state_dict()
    with pytest.raises(NonFiniteError) as caught:
        trainer.fit((x, labels), progress=False)
    assert caught.value.report.first.node.name == planted.NAME
    assert gd.diagnose(trainer, x, labels).first.node.name == planted.NAME
    for path, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[path])


def test_a_compiled_step_and_its_update():
    weight = gd.Parameter(np.ones(3), name="weight")
    rate = gd.tensor(1e300, name="rate")

    @gd.compile
    def step(x):
        loss = gd.sum(gd.square(weight * x))
        gradient = loss.backward(wrt=[weight])[weight]
        with gd.context.role("update"):
            weight.assign(weight - gd.square(gradient * rate))
        return loss

    report = gd.diagnose(step, np.ones(3))
    assert report.forward is None
    assert report.backward is None
    assert report.update.node.primitive.name == "square"
    assert (weight.numpy() == 1).all()
    assert gd.diagnose(step, np.array([1.0, math.nan, 1.0])).forward.node.role == "input"


def test_random_numbers_are_drawn_from_the_same_key():
    class Unlucky(gd.Module):
        """Bad where a number drawn from the stream is below a half."""

        def __init__(self):
            self.stream = gd.random.Stream(3)
            self.scale = gd.Parameter(np.ones(6))

        def forward(self, x):
            drawn = gd.random.uniform(self.stream.next(), (6,))
            return gd.log(gd.where(drawn < 0.5, 0.0, 1.0) * self.scale) * x

    net = Unlucky()
    found = gd.diagnose(gd.compile(lambda x: net(x)), np.ones(6)).forward
    bad = ~np.isfinite(net(np.ones(6)).numpy())
    assert found.element == (int(np.argmax(bad)),)
    assert found.value.infinite == bad.sum()


# What is no defect


def test_the_infinity_of_a_mask_is_no_defect():
    scores = gd.variable(np.arange(6.0).reshape(2, 3), name="scores")
    mask = gd.tensor([[0.0, -math.inf, 0.0]] * 2)
    f = gd.sum(gd.softmax(scores + mask, -1) ** 2)
    assert gd.diagnose(f.backward()).first is None


def test_a_mask_that_hides_a_whole_row_is_one():
    scores = gd.variable(np.arange(3.0), name="scores")
    mask = gd.tensor([-math.inf] * 3, name="mask")
    f = gd.sum(gd.exp(scores + mask - gd.max(scores + mask)))
    assert gd.diagnose(f).first.node.name == "mask"


def test_a_value_that_a_choice_hides_is_told_to_be_hidden():
    x = gd.variable([0.0, 1.0], name="x")
    f = gd.sum(gd.where(x > 0, gd.log(x), 0.0))
    report = gd.diagnose(f.backward())
    assert report.forward.hidden
    assert "no result shows it" in str(report)


def test_a_cell_that_was_changed_since_is_not_blamed():
    net = gd.layers.Linear(3, 2, seed=0)
    loss = gd.sum(net(np.ones((1, 3), "float32")))
    net.weight.assign(np.full((2, 3), np.nan))
    assert gd.diagnose(loss).first is None
