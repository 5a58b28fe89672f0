"""A run that is broken off and resumed ends as one that never stopped, to the last bit."""

import json
import os
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.errors import ArgumentError, StateError
from graphdiff.train import Callback, Checkpoints, EarlyStopping, checkpoint


class Interrupted(Exception):
    pass


class Interrupt(Callback):
    """Breaks a run off after a step."""

    def __init__(self, at):
        self.at = at

    def step(self, trainer, number):
        if number == self.at:
            raise Interrupted


def run(folder=None, at=None, resume=False, every=None):
    made = trainer()
    kept = Checkpoints(folder, every=every) if folder else None
    callbacks = [EarlyStopping(patience=2), Interrupt(at)]
    history = made.fit(
        points(50),
        validation=points(30, seed=1),
        epochs=4,
        batch_size=16,
        seed=5,
        callbacks=callbacks,
        checkpoints=kept,
        resume=resume,
        progress=False,
    )
    return made, history


@settings(max_examples=15, deadline=None)
@given(at=st.integers(1, 16), every=st.sampled_from([None, 1, 3]))
def test_a_run_broken_off_anywhere_ends_as_if_it_had_not_been(tmp_path_factory, at, every):
    folder = tmp_path_factory.mktemp("run")
    whole, history = run()
    with pytest.raises(Interrupted):
        run(folder, at=at, every=every)
    resumed, again = run(folder, resume=True, every=every)
    expected, found = whole.model.state_dict(), resumed.model.state_dict()
    assert all((expected[k] == found[k]).all() for k in expected)
    velocity, other = whole.optimizer.state_dict(), resumed.optimizer.state_dict()
    assert all((velocity[k] == other[k]).all() for k in velocity)
    assert again.losses == history.losses
    assert again.gradient_norms == history.gradient_norms
    assert again.rates == history.rates
    assert [e._replace(seconds=0) for e in again.epochs] == [e._replace(seconds=0) for e in history.epochs]


def test_a_folder_holds_one_checkpoint(tmp_path):
    run(tmp_path, every=2)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["checkpoint.json", "step-00000016-epoch-0005.safetensors"]


class Counting(Callback):
    """Counts epochs, in an array and a NumPy number, which is kept like any other."""

    def __init__(self):
        self.counts, self.n = np.zeros(2), np.int64(0)

    def epoch(self, trainer, epoch):
        self.counts, self.n = self.counts + 1, self.n + 1

    def state(self):
        return {"counts": self.counts, "n": self.n}

    def load(self, state):
        self.counts, self.n = state["counts"], state["n"]


def test_a_checkpoint_of_a_step_and_one_of_its_epochs_end_do_not_mix(tmp_path, monkeypatch):
    """Killed while the second is written, the run goes on from the whole first."""
    counting, written, write = Counting(), [], checkpoint.write_whole

    def broken_off(path, content):
        written.append(path)
        if len(written) == 2:
            raise Interrupted
        write(path, content)

    def fit(**options):
        trainer().fit(
            points(32),
            epochs=2,
            batch_size=8,
            callbacks=counting,
            checkpoints=Checkpoints(tmp_path, every=4),
            progress=False,
            **options,
        )

    monkeypatch.setattr(checkpoint, "write_whole", broken_off)
    with pytest.raises(Interrupted):
        fit()
    counting.__init__()
    fit(resume=True)
    assert counting.n == 2
    assert counting.counts.tolist() == [2, 2]


def test_what_a_checkpoint_cannot_hold_is_refused(tmp_path):
    callback = Counting()
    callback.n = object()
    callback.epoch = lambda *_: None
    with pytest.raises(StateError, match=r"cannot hold what is to be kept: .*object") as caught:
        trainer().fit(points(), callbacks=callback, checkpoints=Checkpoints(tmp_path), progress=False)
    assert "numbers, texts and arrays" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("launcher", "parent", "goes_on"), [("none", 17, True), ("another", 17, False), ("none", 18, False)]
)
def test_a_restart_goes_on_with_the_run_of_its_own_launcher_alone(
    tmp_path, monkeypatch, launcher, parent, goes_on
):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")  # as torchrun has it where nothing is said
    monkeypatch.setattr(os, "getppid", lambda: 17)
    run(tmp_path)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", launcher)
    monkeypatch.setattr(os, "getppid", lambda: parent)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    if goes_on:
        assert run(tmp_path)[1].losses == run()[1].losses
    else:
        with pytest.raises(StateError, match="holds the checkpoint of an older run"):
            run(tmp_path)


def test_what_was_left_half_written_goes(tmp_path):
    for name in (".step-00000003-epoch-0001.safetensors.17", ".checkpoint.json.17"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".mine").write_text("whole")
    run(tmp_path)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [".mine", "checkpoint.json", "step-00000016-epoch-0005.safetensors"]


def test_wrong_uses_are_answered(tmp_path):
    run(tmp_path)
    with pytest.raises(ArgumentError, match="nothing to resume from"):
        trainer().fit(points(), resume=True)
    with pytest.raises(ArgumentError, match="every 0 steps"):
        Checkpoints(tmp_path, every=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be made: Not a directory"):
        Checkpoints(tmp_path / "file" / "below")


def test_an_older_run_is_not_overwritten(tmp_path):
    run(tmp_path)
    there = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(StateError, match="holds the checkpoint of an older run") as caught:
        run(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "resume=True" in str(caught.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == there


def half(loss, *arguments):
    return loss(*arguments) / 2


def other(layer=None, loss=gd.losses.softmax_cross_entropy, optimizer=None, **options):
    layers = gd.layers
    net = layers.Sequential(fc1=layers.Linear(3, 8), act=layer or layers.Tanh(), fc2=layers.Linear(8, 2))
    return gd.Trainer(net, loss, optimizer or gd.optimizers.SGD(0.1), **options)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: other(gd.layers.ReLU()), r"model \(act\): Tanh\(\); .* model \(act\): ReLU\(\)"),
        (lambda: other(gd.layers.Sequential(gd.layers.Tanh())), r"model \(act\): Tanh\(\); "),
        (lambda: other(loss=gd.losses.hinge), "loss softmax_cross_entropy; this one has loss hinge"),
        (lambda: other(loss=partial(half, gd.losses.hinge)), r"has loss half\(hinge\) with none"),
        (lambda: other(optimizer=gd.optimizers.SGD(0.2)), "optimizer's lr 0.1; .* optimizer's lr 0.2"),
        (lambda: other(optimizer=gd.optimizers.SGD(0.1, 0.9)), "optimizer's momentum 0.0; .*momentum 0.9"),
        (lambda: other(optimizer=gd.optimizers.Adam(0.1)), "optimizer's kind SGD, .* optimizer's kind Adam"),
        (
            lambda: other(optimizer=gd.optimizers.SGD(0.1, groups={gd.matching.weights: {"lr": 0.3}})),
            "groups none; this one has optimizer's groups weights=lr=0.3",
        ),
        (
            lambda: other(penalty=lambda m: gd.losses.l2(m, 1.0)),
            "penalty None; this one has penalty .*lambda",
        ),
        (lambda: other(metrics={}), r"metrics \(accuracy\); this one has metrics \(\)"),
    ],
)
def test_another_run_does_not_go_on_and_what_differs_is_named(tmp_path, made, said):
    other().fit(points(), epochs=1, checkpoints=Checkpoints(tmp_path), progress=False)
    again = other()
    again.fit(points(), epochs=2, checkpoints=Checkpoints(tmp_path), resume=True, progress=False)
    changed = made()
    before = changed.model.state_dict()
    with pytest.raises(StateError, match="the checkpoint is of a run with") as caught:
        changed.fit(points(), epochs=3, checkpoints=Checkpoints(tmp_path), resume=True, progress=False)
    assert re.search(said, caught.value.what)
    for name, value in changed.model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (points(49), {}, r"data \(\(60, 3\), \(60\)\); this one has data \(\(49, 3\), \(49\)\)"),
        (points(), {"seed": 1}, "seed 0; this one has seed 1"),
        (points(), {"batch_size": 8}, "batch_size 32; this one has batch_size 8"),
        (points(), {"callbacks": [Callback()]}, r"callbacks \(\); this one has callbacks \(Callback\)"),
    ],
)
def test_neither_does_the_same_trainer_on_other_terms(tmp_path, data, options, said):
    other().fit(points(), epochs=1, checkpoints=Checkpoints(tmp_path), progress=False)
    with pytest.raises(StateError) as caught:
        other().fit(data, checkpoints=Checkpoints(tmp_path), resume=True, progress=False, **options)
    assert re.search(said, caught.value.what)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: json.dumps(json.loads(text) | {"format": 99}),
        lambda text: json.dumps(json.loads(text) | {"arrays": "../elsewhere.safetensors"}),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    run(tmp_path)
    path = tmp_path / "checkpoint.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(StateError, match="is damaged"):
        run(tmp_path, resume=True)
