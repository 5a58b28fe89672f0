"""Training: batches, the optimizer against torch, the loop, the digits."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError, NonFiniteError, ShapeError, StateError
from graphdiff.train import Arrays, batches


def data(n=20, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype("float32")
    return Arrays(x, (x[:, 0] > 0).astype("int64"))


def model():
    return gd.layers.Sequential(
        gd.layers.Linear(3, 8, seed=1), gd.layers.Tanh(), gd.layers.Linear(8, 2, seed=2)
    )


def test_batches_hold_every_example_once():
    arrays = Arrays(np.arange(10), np.arange(10) * 2)
    parts = list(batches(arrays, 4, np.random.default_rng(0)))
    assert [len(p.inputs) for p in parts] == [4, 4, 2]
    assert sorted(np.concatenate([p.inputs for p in parts])) == list(range(10))
    assert all((p.labels == 2 * p.inputs).all() for p in parts)
    again = list(batches(arrays, 4, np.random.default_rng(0)))
    assert all((p.inputs == q.inputs).all() for p, q in zip(parts, again, strict=True))
    assert next(iter(batches(arrays, 3))).inputs.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("arrays", "size", "kind"),
    [
        (Arrays(np.ones((3, 2)), np.ones(2)), 1, ShapeError),
        (Arrays(np.ones((0, 2)), np.ones(0)), 1, ArgumentError),
        (Arrays(np.ones((3, 2)), np.ones(3)), 0, ArgumentError),
        (Arrays(np.ones(()), np.ones(())), 1, ShapeError),
    ],
)
def test_data_that_make_no_batches_are_refused(arrays, size, kind):
    with pytest.raises(kind):
        list(batches(arrays, size))


def test_gradients_may_be_given_by_name_and_the_rest_stays():
    layer = gd.layers.Linear(1, 1, seed=0)
    before = layer.bias.item()
    layer.weight.assign([[1.0]])
    gd.optimizers.SGD(0.5).step(layer, {"weight": gd.tensor([[1.0]], "float32")})
    assert layer.weight.tolist() == [[0.5]]
    assert layer.bias.item() == before


def test_the_optimizers_state_goes_round():
    runs = []
    for interrupted in (False, True):
        net, optimizer = model(), gd.optimizers.SGD(0.1, momentum=0.9)
        for step in range(4):
            if interrupted and step == 2:
                state, optimizer = optimizer.state_dict(), gd.optimizers.SGD(0.1, momentum=0.9)
                optimizer.load_state_dict(state)
            loss = gd.losses.softmax_cross_entropy(net(data().inputs), data().labels)
            optimizer.step(net, loss.backward())
        runs.append(net.state_dict())
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name], runs[1][name])
    with pytest.raises(StateError, match="'velocity' is no optimizer state"):
        gd.optimizers.SGD(0.1).load_state_dict({"velocity": 1.0})


def test_fit_learns_and_keeps_its_history():
    trainer = gd.Trainer(model(), gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1, 0.9))
    history = trainer.fit(data(200), validation=data(50, seed=1), epochs=5, batch_size=32, progress=False)
    assert len(history.losses) == 5 * 7
    assert [e.number for e in history.epochs] == [1, 2, 3, 4, 5]
    assert history.epochs[-1].train.loss < history.epochs[0].train.loss
    assert history.epochs[-1].validation == trainer.evaluate(data(50, seed=1))
    assert history.epochs[-1].validation.accuracy > 0.9


def test_the_epochs_means_are_over_examples():
    trainer = gd.Trainer(model(), gd.losses.softmax_cross_entropy, gd.optimizers.SGD(1e-30))
    history = trainer.fit(data(50), epochs=1, batch_size=32, progress=False)
    measured = trainer.evaluate(data(50))
    assert history.epochs[0].train.loss == pytest.approx(measured.loss, rel=1e-6)
    assert history.epochs[0].train.accuracy == pytest.approx(measured.accuracy)


def test_a_schedule_by_steps_may_watch_the_loss_of_the_epochs():
    rates = []
    for by in ("epoch", "step"):
        schedule = gd.schedules.ReduceOnPlateau(0.1, factor=0.5, patience=0, threshold=0.999)
        made = gd.Trainer(model(), gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
        rates.append(made.fit(data(), epochs=4, schedule=schedule, schedule_by=by, progress=False).rates)
    assert rates[0] == rates[1]
    assert rates[0][-1] == 0.1 / 4


def test_a_seed_repeats_a_run_to_the_last_bit():
    states = []
    for _ in range(2):
        net = model()
        trainer = gd.Trainer(net, gd.losses.hinge, gd.optimizers.SGD(0.1, 0.9))
        trainer.fit(data(60), epochs=2, seed=3, progress=False)
        states.append(net.state_dict())
    assert all((states[0][k] == states[1][k]).all() for k in states[0])


def test_a_penalty_shrinks_the_weights():
    norms = []
    for strength in (0.0, 0.1):
        net = model()
        penalty = lambda m, s=strength: gd.losses.l2(m, s)  # noqa: E731
        trainer = gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1), penalty=penalty)
        trainer.fit(data(60), epochs=5, progress=False)
        norms.append(sum(float((p.numpy() ** 2).sum()) for p in net.parameters()))
    assert norms[1] < 0.8 * norms[0]


def test_training_stops_where_the_loss_is_not_finite():
    broken = data(40)
    broken.inputs[7] = np.nan
    net = model()
    trainer = gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
    with pytest.raises(NonFiniteError, match="loss is nan in epoch 1, step"):
        trainer.fit(broken, epochs=1, progress=False)
    assert all(np.isfinite(p.numpy()).all() for p in net.parameters())
    with pytest.raises(ArgumentError, match="0 epochs"):
        trainer.fit(data(), epochs=0)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_losses_fetched_every_few_steps_are_those_of_every_step(backend):
    def history(every):
        with gd.backend(backend):
            trainer = gd.Trainer(
                model(), gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1, momentum=0.9)
            )
            return trainer.fit(
                data(), validation=data(9), epochs=2, batch_size=3, fetch_every=every, progress=False
            )

    every, some = history(1), history(4)
    assert some.losses == every.losses
    assert [e.validation for e in some.epochs] == [e.validation for e in every.epochs]
    assert len(some.losses) == 14


def test_the_optimizers_state_is_as_before_too_where_the_first_loss_is_not_finite():
    x, y = data(24)
    net, optimizer = model(), gd.optimizers.SGD(0.1, momentum=0.9)
    trainer = gd.Trainer(net, gd.losses.softmax_cross_entropy, optimizer)
    start = net.state_dict()
    with pytest.raises(NonFiniteError, match="loss is nan in epoch 1, step 1"):
        trainer.fit(Arrays(x * np.nan, y), epochs=1, batch_size=4, fetch_every=4, progress=False)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, start[name])
    state = optimizer.state_dict()
    assert not any(v.any() for name, v in state.items() if name.endswith("/velocity"))
    assert state["/steps"] == 0
    with pytest.raises(ArgumentError, match="fetch_every=0"):
        trainer.fit(data(), fetch_every=0)


def test_the_progress_bar_tells_epoch_loss_and_accuracy(capsys):
    trainer = gd.Trainer(model(), gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
    trainer.fit(data(), epochs=2)
    shown = capsys.readouterr().out
    assert "epoch 2/2" in shown
    assert "loss" in shown
    assert "accuracy" in shown


def test_the_digits_are_split_by_class_and_prepared_from_the_training_part():
    train, test = gd.datasets.digits(test_fraction=0.25, seed=3)
    assert train.inputs.shape == (1347, 64)
    assert test.inputs.shape == (450, 64)
    assert train.inputs.dtype == np.float32
    assert test.labels.dtype == np.int64
    np.testing.assert_allclose(train.inputs.mean(axis=0), 0, atol=1e-5)
    shares = np.bincount(test.labels) / np.bincount(np.concatenate([train.labels, test.labels]))
    np.testing.assert_allclose(shares, 0.25, atol=0.01)
    again = gd.datasets.digits(test_fraction=0.25, seed=3)
    np.testing.assert_array_equal(test.inputs, again.test.inputs)
    with pytest.raises(ArgumentError, match="test_fraction=2"):
        gd.datasets.digits(test_fraction=2)


def test_state_of_another_optimizer_or_model_is_refused_before_anything_changes():
    layer = gd.layers.Linear(2, 1, seed=0)
    before = layer.state_dict()
    gradients = {name: gd.ones_like(p) for name, p in layer.named_parameters()}
    for state in ({"weight/velocity": np.zeros((1, 3))}, {"weight/foo": np.zeros((1, 2))}):
        optimizer = gd.optimizers.SGD(0.1, momentum=0.9)
        optimizer.load_state_dict(state)
        with pytest.raises(StateError, match="the state of weight is"):
            optimizer.step(layer, gradients)
        for name, value in layer.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
    with pytest.raises(ArgumentError, match="no parameters are called wieght"):
        optimizer.step(layer, {"wieght": gradients["weight"]})
    with pytest.raises(ArgumentError, match="learning rate of -1"):
        optimizer.lr = -1


def test_state_loaded_between_compiled_steps_is_used():
    layer, optimizer = gd.layers.Linear(1, 1, bias=False, seed=0), gd.optimizers.SGD(0.1, momentum=0.5)

    @gd.compile
    def step(x):
        loss = gd.sum(layer(x))
        optimizer.step(layer, loss.backward(wrt=layer.parameters()))
        return loss

    x = np.ones((1, 1), "float32")
    step(x)
    before = layer.weight.item()
    optimizer.load_state_dict({"weight/velocity": np.full((1, 1), 100.0, "float32")})
    step(x)
    assert before - layer.weight.item() == pytest.approx(0.1 * (0.5 * 100 + 1), rel=1e-5)
