"""The practice of training: early stopping, selection, restarts, transfer, divergence, records."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.errors import ArgumentError, NonFiniteError, ShapeError
from graphdiff.train import (
    Arrays,
    Callback,
    Checkpoints,
    EarlyStopping,
    History,
    TensorBoard,
    accuracy,
    cross_validate,
    grid_options,
    k_folds,
    random_options,
    random_restarts,
    search,
)
from graphdiff.train.loop import Loop, Settings


def state(made):
    return {k: v.tobytes() for k, v in made.model.state_dict().items()}


# Early stopping


class Scripted(Callback):
    """Gives the epochs made-up validation losses, before early stopping sees them."""

    def __init__(self, losses):
        self.losses = losses
        self.states = []

    def epoch(self, trainer, epoch):
        epoch.validation["loss"] = self.losses[epoch.number - 1]
        self.states.append(state(trainer))


def test_early_stopping_waits_and_brings_the_best_weights_back():
    scripted, stopping = Scripted([3.0, 1.0, 2.0, 1.0, 5.0, 6.0, 7.0]), EarlyStopping(patience=3)
    made = trainer()
    history = made.fit(
        points(), validation=points(seed=1), epochs=7, callbacks=[scripted, stopping], progress=False
    )
    assert len(history.epochs) == 5  # best in epoch 2, then three epochs without a better one
    assert (stopping.best, stopping.best_epoch) == (1.0, 2)
    assert history.stopped == "validation loss was best in epoch 2: 1"
    assert state(made) == scripted.states[1] != scripted.states[4]


def test_early_stopping_knows_which_way_is_better():
    stopping = EarlyStopping(patience=1, metric="accuracy")
    made = trainer()
    made.fit(points(200), validation=points(seed=1), epochs=30, callbacks=[stopping], progress=False)
    assert stopping.best > 0.8


def test_nan_is_worse_than_any_value_of_a_watched_metric():
    scripted, stopping = Scripted([np.nan, 3.0, np.nan, 2.0, np.nan, np.nan]), EarlyStopping(patience=2)
    made = trainer()
    made.fit(points(), validation=points(seed=1), epochs=6, callbacks=[scripted, stopping], progress=False)
    assert (stopping.best, stopping.best_epoch) == (2.0, 4)
    assert state(made) == scripted.states[3]


def test_early_stopping_is_answered_without_what_it_watches():
    with pytest.raises(ArgumentError, match="watches 'loss', there is no validation data"):
        trainer().fit(points(), callbacks=[EarlyStopping()], progress=False)
    with pytest.raises(ArgumentError, match="watches 'f1', there is loss, accuracy"):
        trainer().fit(points(), validation=points(), callbacks=[EarlyStopping(metric="f1")], progress=False)
    with pytest.raises(ArgumentError, match="patience=0"):
        EarlyStopping(patience=0)


def test_a_single_callback_needs_no_list():
    stopping = EarlyStopping(patience=1)
    made = trainer()
    made.fit(points(), validation=points(seed=1), epochs=2, callbacks=stopping, progress=False)
    assert stopping.best_epoch in (1, 2)


@pytest.mark.parametrize("callbacks", [EarlyStopping, [EarlyStopping], print, 3, [lambda: None], "stop"])
def test_what_is_no_callback_is_answered(callbacks):
    with pytest.raises(
        ArgumentError, match=r"is no callback\n  at: .*\n  fix: .*callbacks=\[EarlyStopping\(\)\]"
    ):
        trainer().fit(points(), callbacks=callbacks, progress=False)


# Schedules


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (0.05, [0.05] * 6),
        (1, [1.0] * 6),
        (lambda n: 0.1 / (n + 1), [0.1, 0.1, 0.05, 0.05, 0.1 / 3, 0.1 / 3]),
        (lambda n: np.float32(0.5), [0.5] * 6),
        (gd.schedules.Step(0.1, 1, 0.5), [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]),
    ],
)
def test_a_rate_or_a_function_is_a_schedule(tmp_path, schedule, rates):
    made, folder = trainer(), Checkpoints(tmp_path)
    fit = partial(made.fit, points(), batch_size=30, schedule=schedule, checkpoints=folder, progress=False)
    fit(epochs=1)
    assert fit(epochs=3, resume=True).rates == rates


def test_a_function_counts_steps_where_it_is_asked_to():
    seen = []
    trainer().fit(
        points(), epochs=2, batch_size=30, schedule=lambda n: seen.append(n) or 0.1, schedule_by="step",
        progress=False,
    )  # fmt: skip
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("cosine", "schedule='cosine' is no schedule"),
        (gd.schedules.Cosine, r"such as Cosine\(…\)"),
        (lambda n: None, "the schedule .*lambda.* gave None for 0"),
        (lambda n: -1.0, "a learning rate of -1.0 does not descend"),
        (-0.1, "a learning rate of -0.1 does not descend"),
    ],
)
def test_what_is_no_schedule_is_answered(schedule, said):
    with pytest.raises(ArgumentError, match=said):
        trainer().fit(points(), schedule=schedule, progress=False)


# Metrics, history


def test_metrics_of_ones_own_are_means_over_examples():
    def share_of_ones(scores, labels):
        return gd.mean(gd.cast(labels, "float32"))

    made = trainer(metrics={"ones": share_of_ones})
    history = made.fit(points(50), epochs=1, batch_size=16, progress=False)
    assert history.epochs[0].train.ones == pytest.approx(points(50).labels.mean(), rel=1e-6)
    assert made.evaluate(points(50), batch_size=7).ones == pytest.approx(points(50).labels.mean(), rel=1e-6)
    with pytest.raises(AttributeError, match="no metric 'accuracy'; there are loss, ones"):
        _ = history.epochs[0].train.accuracy


@pytest.mark.parametrize("labels", [np.eye(2, dtype="float32")[[0, 1]], np.zeros((2, 1), "int64")])
def test_accuracy_of_what_are_no_class_numbers_is_refused(labels):
    scores = gd.tensor(np.zeros((2, 2), "float32"))
    with pytest.raises(ShapeError, match=r"accuracy: scores of shape \(2, 2\).*\n.*\n.*metrics="):
        accuracy(scores, gd.tensor(labels))
    with pytest.raises(ShapeError, match="accuracy"):
        accuracy(gd.tensor(1.0), gd.tensor(1))


def test_gradient_norms_are_those_of_the_whole_gradient():
    made, other = trainer(), trainer()
    history = made.fit(points(16), epochs=1, batch_size=16, progress=False)
    order = np.random.default_rng((0, 1)).permutation(16)
    data = points(16)
    loss = gd.losses.softmax_cross_entropy(other.model(data.inputs[order]), data.labels[order])
    loss.backward()
    squares = sum(float((p.grad.astype("float64") ** 2).sum()) for p in other.model.parameters())
    assert history.gradient_norms == [pytest.approx(np.sqrt(squares), rel=1e-5)]
    assert history.rates == [0.1]


def test_a_history_goes_through_json_and_into_a_table():
    history = trainer().fit(points(), validation=points(seed=1), epochs=3, progress=False)
    again = History.from_dict(json.loads(json.dumps(history.as_dict())))
    assert again == history
    lines = history.table().splitlines()
    assert lines[0].split() == (
        "epoch train loss train accuracy validation loss validation accuracy rate seconds".split()
    )
    assert len(lines) == 4
    with pytest.raises(ArgumentError, match="not the history of a training run"):
        History.from_dict({"epochs": 3})


def test_a_history_is_plotted():
    history = trainer().fit(points(), validation=points(seed=1), epochs=3, progress=False)
    figure = history.plot()
    assert [a.get_ylabel() for a in figure.axes] == ["loss", "accuracy", "learning rate", "gradient norm"]
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [6, 3, 3]
    with pytest.raises(ArgumentError, match="no epoch has ended"):
        History().plot()


def test_tensorboard_gets_every_epoch(tmp_path):
    made = trainer()
    made.fit(points(), validation=points(), epochs=2, callbacks=[TensorBoard(tmp_path)], progress=False)
    (events,) = tmp_path.iterdir()
    content = events.read_bytes()
    for tag in (b"loss/train", b"loss/validation", b"accuracy/validation", b"learning_rate"):
        assert content.count(tag) == 2


# Data


def test_a_dataloader_is_as_good_as_arrays():
    data = points(48)
    dataset = torch.utils.data.TensorDataset(torch.tensor(data.inputs), torch.tensor(data.labels))
    loader = torch.utils.data.DataLoader(dataset, batch_size=16)
    made = trainer()
    history = made.fit(loader, validation=loader, epochs=2, progress=False)
    assert len(history.losses) == 6
    assert history.epochs[-1].validation == pytest.approx(made.evaluate(data), rel=1e-5)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_sequence_of_batches_is_no_pair_of_arrays(kind, tmp_path):
    data = points(50)
    ready = kind(Arrays(*(part[at] for part in data)) for at in (slice(0, 20), slice(20, 50)))
    history = trainer().fit(ready, epochs=2, checkpoints=Checkpoints(tmp_path), progress=False)
    assert len(history.losses) == 4


def test_the_bar_knows_the_steps_of_arrays_in_a_list():
    settings = Settings(1, 20, 0, None, None, "epoch", (), None, None, False)
    for given in (points(50), list(points(50))):
        assert Loop(trainer(), given, None, settings)._steps() == 3


# Divergence


def poisoned():
    broken = points(64)
    broken.inputs[37, 1] = np.nan
    return broken


@pytest.mark.parametrize("fetch_every", [1, 3, 50])
def test_divergence_names_the_step_and_the_node_and_goes_back(fetch_every):
    broken, made, clean = poisoned(), trainer(), trainer()
    with pytest.raises(NonFiniteError) as caught:
        made.fit(broken, epochs=2, batch_size=8, fetch_every=fetch_every, progress=False)
    order = np.random.default_rng((0, 1)).permutation(64)
    step = list(order).index(37) // 8
    message = str(caught.value)
    assert f"the loss is nan in epoch 1, step {step + 1};" in message
    assert "the first bad value is NaN, in the input inputs of shape (8, 3)" in message
    for k in range(step):
        rows = order[8 * k : 8 * k + 8]
        clean.step(gd.tensor(broken.inputs[rows]), gd.tensor(broken.labels[rows]))
    assert state(made) == state(clean)


def test_divergence_in_a_layer_names_its_scope_and_line():
    class Blows(gd.Module):
        def forward(self, x):
            return gd.log(x - x)

    net = gd.layers.Sequential(fc=gd.layers.Linear(3, 2, seed=0), blows=Blows())
    made = gd.Trainer(net, gd.losses.hinge, gd.optimizers.SGD(0.1))
    with pytest.raises(NonFiniteError) as caught:
        made.fit(points(), progress=False)
    message = str(caught.value)
    assert "infinite, in the forward node log#" in message
    assert "in scope blows" in message
    assert "test_practice.py:" in message


def test_a_gradient_that_goes_bad_is_named_too():
    class Root(gd.Module):
        def forward(self, x):
            return gd.sqrt(gd.abs(x) * 0)

    net = gd.layers.Sequential(fc=gd.layers.Linear(3, 2, seed=0), root=Root())
    made = gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
    with pytest.raises(NonFiniteError, match=r"gradient is nan in epoch 1, step 1; .* backward node"):
        made.fit(points(), batch_size=8, progress=False)


def test_one_may_go_on_all_the_same():
    history = trainer().fit(poisoned(), epochs=2, batch_size=8, keep_going=True, progress=False)
    assert len(history.losses) == 16
    assert np.isnan(history.losses[-1])


# Choosing


def make(lr=0.1, strength=0.0):
    net = gd.layers.Sequential(gd.layers.Linear(3, 2))
    penalty = (lambda m: gd.losses.l2(m, strength)) if strength else None
    return gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(lr), penalty=penalty)


def test_cross_validation_measures_on_what_each_fold_left_out():
    scores = cross_validate(make, points(100), k=4, epochs=5)
    assert len(scores.folds) == 4
    assert scores.mean() == pytest.approx(np.mean([f.accuracy for f in scores.folds]))
    assert scores.deviation("loss") == pytest.approx(np.std([f.loss for f in scores.folds], ddof=1))
    assert scores.mean() > 0.8
    assert cross_validate(make, points(100), k=4, epochs=5) == scores


def test_a_search_puts_the_best_first():
    candidates = grid_options(lr=[1e-6, 0.3], strength=[0.0, 10.0])
    assert len(candidates) == 4
    found = search(make, candidates, points(100), k=2, epochs=5)
    assert found[0].options == {"lr": 0.3, "strength": 0.0}
    assert [s.mean() for s in found] == sorted((s.mean() for s in found), reverse=True)
    by_loss = search(make, candidates, points(100), k=2, epochs=5, metric="loss")
    assert [s.mean("loss") for s in by_loss] == sorted(s.mean("loss") for s in by_loss)
    with pytest.raises(ArgumentError, match="no candidates"):
        search(make, [], points())


def test_each_fold_is_prepared_by_its_own_training_part():
    seen = []

    def prepare(inputs):
        seen.append(inputs)
        return gd.transforms.Standardize.fit(inputs)

    data = points(100)
    far = Arrays(1000 * data.inputs + 5000, data.labels)
    scores = cross_validate(make, far, k=4, epochs=20, prepare=prepare)
    splits = list(k_folds(far, 4, seed=0))
    for inputs, split in zip(seen, splits, strict=True):
        np.testing.assert_array_equal(inputs, split.train.inputs)
    assert scores.mean() > 0.8


def test_cross_validation_of_what_has_no_classes():
    def regression():
        return gd.Trainer(gd.layers.Linear(3, 1), gd.losses.mean_squared, gd.optimizers.SGD(0.1), metrics={})

    x = points(60).inputs
    assert cross_validate(regression, Arrays(x, x[:, :1]), k=3, epochs=20).mean("loss") < 0.01


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_what_diverged_comes_last_in_a_search_and_is_never_kept(metric):
    data = points(60)
    data.inputs[:] *= 1e20
    candidates = grid_options(lr=[1e30, 1e-42, 1e29])
    found = search(make, candidates, data, k=2, epochs=3, metric=metric, keep_going=True)
    assert [s.options["lr"] for s in found] == [1e-42, 1e30, 1e29]
    with pytest.raises(NonFiniteError):
        search(make, candidates, data, k=2, epochs=3)
    rates = iter([1e30, 1e-42, 1e29])
    kept = random_restarts(lambda: make(next(rates)), data, restarts=3, epochs=3, keep_going=True)
    assert kept.kept == 1


def test_restarts_are_measured_on_what_they_were_trained_on():
    shifted = Arrays(points().inputs + 100, points().labels)
    change = gd.transforms.Standardize.fit(shifted.inputs)
    found = random_restarts(trainer_unseeded, shifted, restarts=2, epochs=30, transform=change)
    whole = Arrays(change(shifted.inputs), shifted.labels)
    assert found.losses[found.kept] == pytest.approx(found.trainer.evaluate(whole).loss, rel=1e-6)
    assert found.losses[found.kept] < 0.5


def test_random_options_come_from_sequences_and_distributions():
    from scipy.stats import loguniform

    found = random_options(20, seed=1, lr=loguniform(1e-4, 1), momentum=[0.0, 0.9])
    assert len(found) == 20
    assert all(1e-4 <= f["lr"] <= 1 and f["momentum"] in (0.0, 0.9) for f in found)
    assert found == random_options(20, seed=1, lr=loguniform(1e-4, 1), momentum=[0.0, 0.9])


def test_restarts_keep_the_run_with_the_lowest_training_loss():
    found = random_restarts(trainer_unseeded, points(), restarts=4, epochs=2)
    finals = []
    for k in range(4):
        gd.seed(k)
        made = trainer_unseeded()
        made.fit(points(), epochs=2, seed=k, progress=False)
        finals.append(made.evaluate(points()).loss)
    assert found.losses == finals
    assert found.kept == finals.index(min(finals))
    assert found.trainer.evaluate(points()).loss == min(finals)
    assert len(found.histories) == 4
    with pytest.raises(ArgumentError, match="0 restarts"):
        random_restarts(trainer_unseeded, points(), restarts=0)


def trainer_unseeded():
    net = gd.layers.Sequential(gd.layers.Linear(3, 4), gd.layers.Tanh(), gd.layers.Linear(4, 2))
    return gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))


# Transfer


def test_frozen_parameters_stay_and_the_others_train():
    made = trainer()
    assert gd.freeze(made.model, "fc1.*") == ["fc1.weight", "fc1.bias"]
    before = made.model.state_dict()
    made.fit(points(), epochs=1, progress=False)
    after = made.model.state_dict()
    assert {k for k in before if (before[k] != after[k]).any()} == {"fc2.weight", "fc2.bias"}
    gd.freeze(made.model, "fc1.*", frozen=False)
    made.fit(points(), epochs=1, progress=False)  # the compiled step is traced again
    assert (made.model.state_dict()["fc1.weight"] != before["fc1.weight"]).any()
    with pytest.raises(ArgumentError, match=r"no parameter matches 'conv\.\*'"):
        gd.freeze(made.model, "conv.*")
    gd.freeze(made.model)
    with pytest.raises(ArgumentError, match="no parameters to train"):
        made.fit(points(), progress=False)


def test_a_frozen_norm_keeps_its_running_statistics():
    net = gd.layers.Sequential(
        conv=gd.layers.Conv2d(1, 2, 3),
        bn=gd.layers.BatchNorm2d(2),
        flat=gd.layers.Flatten(),
        fc=gd.layers.Linear(8, 2),
    )
    rng = np.random.default_rng(0)
    data = Arrays(rng.normal(size=(12, 1, 4, 4)).astype("float32"), rng.integers(0, 2, 12))
    gd.freeze(net, "bn.*")
    before = net.state_dict()
    gd.Trainer(net, gd.losses.hinge, gd.optimizers.SGD(0.1)).fit(data, epochs=1, progress=False)
    after = net.state_dict()
    assert all((before[k] == after[k]).all() for k in before if k.startswith("bn."))
    assert (before["conv.weight"] != after["conv.weight"]).any()


def test_a_backward_pass_takes_no_gradient_by_what_is_frozen():
    layer = gd.layers.Linear(3, 2, seed=0)
    layer.bias.frozen = True
    back = gd.sum(layer(np.ones((1, 3), "float32"))).backward()
    assert back.wanted == (layer.weight,)
    assert layer.bias.grad is None
