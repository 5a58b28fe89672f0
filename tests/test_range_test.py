"""The learning-rate range test: its curve, its suggestion, and that nothing is left behind."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.train import Arrays, range_test


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("float32")
    return Arrays(x, (x[:, 0] > 0).astype("int64"))


def model():
    return gd.layers.Sequential(
        gd.layers.Linear(4, 8, seed=0),
        gd.layers.BatchNorm1d(8),
        gd.layers.Tanh(),
        gd.layers.Linear(8, 2, seed=1),
    )


def curve(net, optimizer, **options):
    return range_test(net, gd.losses.softmax_cross_entropy, optimizer, data(), batch_size=20, **options)


def test_the_curve_rises_by_one_factor_and_suggests_a_rate_that_trains():
    result = curve(model(), gd.optimizers.SGD(0.1, momentum=0.9), steps=60, lowest=1e-5, highest=100)
    rates = np.array(result.rates)
    np.testing.assert_allclose(rates[1:] / rates[:-1], rates[1] / rates[0], rtol=1e-9)
    assert len(result.losses) == len(result.smoothed) == len(rates) <= 60
    assert result.suggestion in result.rates
    losses = {}
    for rate in (1e-5, result.suggestion):
        trainer = gd.Trainer(model(), gd.losses.softmax_cross_entropy, gd.optimizers.SGD(rate, momentum=0.9))
        losses[rate] = trainer.fit(data(), epochs=5, batch_size=20, progress=False).epochs[-1].train.loss
    assert losses[result.suggestion] < 0.8 * losses[1e-5]


@pytest.mark.parametrize("used", [False, True])
def test_model_and_optimizer_are_left_as_they_were(used):
    net, optimizer = model(), gd.optimizers.Adam(0.1)

    def step():
        loss = gd.losses.softmax_cross_entropy(net(data().inputs), data().labels)
        optimizer.step(net, loss.backward(wrt=net.parameters()))
        return loss.item()

    if used:
        step()
    before = net.state_dict() | optimizer.state_dict()
    curve(net, optimizer, steps=5)
    after = net.state_dict() | optimizer.state_dict()
    assert after.keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)
    assert np.isfinite(step())


def test_what_is_frozen_is_not_trained_meanwhile():
    stepped = set()

    class Seen(gd.optimizers.SGD):
        def step(self, module, gradients, **options):
            stepped.update(name for name, p in module.named_parameters() if p in gradients)
            super().step(module, gradients, **options)

    net = model()
    gd.freeze(net, "0.*")
    curve(net, Seen(0.1), steps=5)
    assert stepped == {"1.weight", "1.bias", "3.weight", "3.bias"}


def test_the_curve_ends_where_training_diverges():
    result = curve(model(), gd.optimizers.SGD(0.1), steps=40, lowest=1e-2, highest=1e9)
    assert len(result.rates) < 40
    assert np.isfinite(result.losses).all()


def test_a_test_that_cannot_be_is_refused():
    with pytest.raises(ArgumentError, match="no 2 rates from"):
        curve(model(), gd.optimizers.SGD(0.1), steps=2)
    with pytest.raises(ArgumentError, match="0 < lowest < highest"):
        curve(model(), gd.optimizers.SGD(0.1), lowest=1.0, highest=0.1)
    net, optimizer = model(), gd.optimizers.SGD(0.1)
    net[0].weight.assign(np.full((8, 4), np.nan))
    with pytest.raises(ArgumentError, match="not finite from the rate 1e-06 on"):
        curve(net, optimizer)
