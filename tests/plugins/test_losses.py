"""Every loss against torch's: values and gradients under every reduction and option; penalties."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plugins.loss_samples import LOSSES

import graphdiff as gd
from graphdiff.errors import ArgumentError, DTypeError, ShapeError
from graphdiff.testing import check_loss
from graphdiff.testing.strategies import sources

REDUCTIONS = ["mean", "sum", "none"]
PENALTIES = ("l1", "l2", "elastic_net")
every_loss = pytest.mark.parametrize("name", LOSSES)


def test_every_registered_loss_is_tested():
    names = {info.name for info in gd.losses.list() if info.distribution == "graphdiff"}
    assert names == KIT.keys() - {"soft labels"}


@every_loss
@given(sources(), st.sampled_from(REDUCTIONS))
def test_values_and_gradients_are_torchs(name, source, reduction):
    ours, inputs, theirs = LOSSES[name](source)
    given = [gd.variable(x) if x.dtype.kind == "f" else x for x in inputs]
    variables = [x for x in given if isinstance(x, gd.Tensor)]
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs if x.dtype.kind == "f"]
    loss, expected = ours(*given, reduction=reduction), theirs(*tensors, reduction=reduction)
    np.testing.assert_allclose(loss, expected.detach(), rtol=1e-10, atol=1e-12)
    g = np.random.default_rng(0).normal(size=loss.shape)
    loss.backward(g)
    expected.backward(torch.tensor(g))
    for v, t in zip(variables, tensors, strict=True):
        np.testing.assert_allclose(v.grad, t.grad, rtol=1e-9, atol=1e-12)


# The kit


def penalty(name):
    def samples(s):
        strength, loss = s.choice([0.5, 0.0, 1e-3]), getattr(gd.losses, name)
        arrays = [s.distinct(s.shape(min_dims=1, min_side=1)) / 4 for _ in range(2)]
        return lambda *inputs: loss(inputs, strength), arrays

    return samples


def half_each(s):
    """The best prediction of a label that is 1 and 0 equally often."""
    return gd.losses.softmax_cross_entropy, [np.zeros((2, 2)), np.full((2, 2), 0.5)]


def equal(name):
    def samples(s):
        x = s.array(s.shape(min_side=1))
        return getattr(gd.losses, name), [x, x]

    return samples


KIT = {name: lambda s, name=name: LOSSES[name](s)[:2] for name in LOSSES}
KIT |= {name: penalty(name) for name in PENALTIES}
MINIMA = {name: equal(name) for name in ("mean_squared", "mean_absolute", "huber")} | {
    "soft labels": half_each
}


def every_check():
    for name, samples in KIT.items():
        loss = gd.losses["softmax_cross_entropy" if name == "soft labels" else name]
        without = {"refusals"} | ({"reductions"} if name in PENALTIES else set())
        without |= set() if name in MINIMA else {"minimum"}
        for key, check in check_loss.checks(loss, samples, minimum=MINIMA.get(name)).items():
            if key not in without:
                yield f"{name}-{key}", check


CHECKS = dict(every_check())


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_check(check):
    check()


# Composites beside their decompositions


def _cases(s):
    from graphdiff_losses import cross_entropy, regression, support_vector

    x, labels = s.distinct((3, 4)) * 1.0137, s.integers((3,), 0, 3)
    return {
        "cross_entropy": (cross_entropy.cross_entropy, [x], [labels], {}),
        "soft": (cross_entropy.soft_cross_entropy, [x, s.array((3, 4), 0.1, 1.0)], [], {}),
        "binary": (cross_entropy.binary_entropy, [x, s.array((3, 4), 0.1, 1.0), s.array((4,), 0.5)], [], {}),
        "hinge": (support_vector.hinges, [x], [labels], {"margin": 1.0, "squared": False}),
        "squared hinge": (support_vector.hinges, [x], [labels], {"margin": 1.0, "squared": True}),
        "huber": (regression.huber_of, [x], [], {"delta": 1.0}),
    }


@pytest.mark.parametrize("name", ["cross_entropy", "soft", "binary", "hinge", "squared hinge", "huber"])
@given(sources())
def test_composites_equal_their_decompositions(name, source):
    composite, inputs, rest, params = _cases(source)[name]
    rest = [gd.tensor(r) for r in rest]
    whole, pull = gd.vjp(lambda *xs: composite(*xs, *rest, **params), *inputs)
    parts, pull_parts = gd.vjp(lambda *xs: composite.decompose(*xs, *rest, **params), *inputs)
    np.testing.assert_allclose(whole, parts, rtol=1e-12, atol=1e-12)
    g = source.array(whole.shape)
    for one, other in zip(pull(g), pull_parts(g), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


# Examples


@given(sources(), st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_hinge_is_its_definition(source, margin, squared):
    n, classes = source.integer(1, 4), source.integer(2, 5)
    scores, labels = source.distinct((n, classes)), source.integers((n,), 0, classes - 1)
    loss = gd.losses.hinge(scores, labels, margin=margin, squared=squared, reduction="none")
    by_hand = [
        sum(max(0.0, s - row[y] + margin) ** (1 + squared) for j, s in enumerate(row) if j != y)
        for row, y in zip(scores, labels, strict=True)
    ]
    np.testing.assert_allclose(loss, by_hand, rtol=1e-12, atol=1e-12)


def test_losses_survive_large_scores():
    scores = gd.variable([[1e4, 0.0], [-1e4, 0.0]])
    loss = gd.losses.softmax_cross_entropy(scores, [1, 1], reduction="none")
    assert loss.tolist() == [1e4, 0]
    loss.sum().backward()
    assert scores.grad.tolist() == [[1, -1], [0, 0]]
    x = gd.variable([1e4, -1e4])
    loss = gd.losses.binary_cross_entropy(x, [0, 1], reduction="none")
    assert loss.tolist() == [1e4, 1e4]
    loss.sum().backward()
    assert x.grad.tolist() == [1, -1]


def test_what_has_no_probability_does_not_count():
    p = gd.log_softmax([[0.0, 0.0, -np.inf]])
    t = gd.variable([[0.5, 0.5, 0.0]])
    loss = gd.losses.kl_divergence(p, t)
    assert loss.item() == pytest.approx(0)
    loss.backward()
    assert np.isfinite(t.grad).all()
    loss = gd.losses.softmax_cross_entropy([[0.0, 0.0, -np.inf]], [[0.5, 0.5, 0.0]])
    assert loss.item() == pytest.approx(np.log(2))


def test_a_batch_that_is_ignored_has_no_mean():
    ce, scores = gd.losses.softmax_cross_entropy, np.zeros((2, 3))
    assert np.isnan(ce(scores, [-1, -1], ignore_index=-1).item())
    assert ce(scores, [-1, -1], ignore_index=-1, reduction="sum").item() == 0


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "hinge"])
def test_losses_answer_wrong_labels(loss):
    fn, scores = getattr(gd.losses, loss), np.zeros((2, 3))
    if loss == "hinge":
        with pytest.raises(DTypeError, match="labels are float64"):
            fn(scores, [0.0, 1.0])
    else:
        with pytest.raises(ShapeError, match=r"\(2, 3\) do not fit targets of shape \(2,\)"):
            fn(scores, [0.0, 1.0])
    with pytest.raises(ShapeError, match=r"\(2, 3\) do not fit labels of shape \(3,\)"):
        fn(scores, [0, 1, 2])
    with pytest.raises(ArgumentError, match="label 3 is outside 0 … 2"):
        fn(scores, [0, 3])
    with pytest.raises(ArgumentError, match="label -1 is outside"):
        fn(scores, [0, -1])
    with pytest.raises(ArgumentError, match="mean, sum, none"):
        fn(scores, [0, 1], reduction="average")


OF_SHAPE = ["binary_cross_entropy", "kl_divergence", "mean_squared", "mean_absolute", "huber"]


@pytest.mark.parametrize("name", OF_SHAPE)
def test_targets_are_not_broadcast(name):
    loss = getattr(gd.losses, name)
    message = rf"{name}: predictions of shape \(3, 1\) do not fit targets of shape \(3,\)"
    with pytest.raises(ShapeError, match=message):
        loss(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ArgumentError, match="mean, sum, none"):
        loss(np.ones(3), np.ones(3), reduction="batchmean")


def test_options_that_make_no_sense_are_answered():
    ce, x = gd.losses.softmax_cross_entropy, np.zeros((2, 3))
    with pytest.raises(ArgumentError, match=r"label_smoothing=1\.5"):
        ce(x, [0, 1], label_smoothing=1.5)
    with pytest.raises(ArgumentError, match="ignore_index=0 is for integer labels"):
        ce(x, x, ignore_index=0)
    with pytest.raises(ShapeError, match=r"class weights of shape \(2,\)"):
        ce(x, [0, 1], class_weights=[1.0, 2.0])
    with pytest.raises(ShapeError, match=r"pos_weight of shape \(4, 1\) does not fit logits of shape \(4,\)"):
        gd.losses.binary_cross_entropy(np.zeros(4), np.zeros(4), pos_weight=np.ones((4, 1)))
    with pytest.raises(ArgumentError, match="delta=0"):
        gd.losses.huber([1.0], [0.0], delta=0)


# Penalties


def norms_model():
    return gd.layers.Sequential(
        gd.layers.Conv2d(1, 2, 1, dtype="float64", seed=0), norm=gd.layers.BatchNorm2d(2, dtype="float64")
    )


def test_penalties():
    layer = gd.layers.Linear(2, 1, bias=False, dtype="float64")
    layer.weight.assign([[3.0, -4.0]])
    assert gd.losses.l2(layer, 0.1).item() == pytest.approx(2.5)
    assert gd.losses.l1(layer, 0.1).item() == pytest.approx(0.7)
    assert gd.losses.elastic_net(layer, 0.1, ratio=0.25).item() == pytest.approx(0.25 * 0.7 + 0.75 * 2.5)
    back = gd.losses.l1(layer, 0.1).backward()
    assert back[layer.weight].tolist() == [[0.1, -0.1]]
    assert gd.losses.l2([gd.variable([1.0]), gd.variable([2.0])], 2.0) == 10
    with pytest.raises(ArgumentError, match="0 parameters"):
        gd.losses.l2([], 1.0)
    with pytest.raises(ArgumentError, match="strength -1"):
        gd.losses.l1(layer, -1)
    with pytest.raises(ArgumentError, match="ratio=2"):
        gd.losses.elastic_net(layer, 1, ratio=2)


@pytest.mark.parametrize(
    ("match", "names"),
    [
        (None, ["0.weight", "0.bias", "norm.weight", "norm.bias"]),
        ("*.weight", ["0.weight", "norm.weight"]),
        (["norm.*", "*.bias"], ["0.bias", "norm.weight", "norm.bias"]),
        (gd.matching.weights, ["0.weight"]),
        (lambda name, p: name == "0.bias", ["0.bias"]),
    ],
)
def test_penalties_choose_by_name(match, names):
    model = norms_model()
    parameters = dict(model.named_parameters())
    expected = sum(float((parameters[name].numpy() ** 2).sum()) for name in names)
    loss = gd.losses.l2(model, 1.0, match=match)
    assert loss.item() == pytest.approx(expected)
    back = loss.backward()
    assert [name for name, p in parameters.items() if p in back] == names


def test_a_pattern_without_parameters_is_a_mistake():
    with pytest.raises(ArgumentError, match=r"no parameter matches '\*.wieght'"):
        gd.losses.l2(norms_model(), 1.0, match="*.wieght")
    with pytest.raises(ArgumentError, match="tensors have no paths"):
        gd.losses.l1([gd.variable([1.0])], 1.0, match="*")
