"""``graphdiff train``: from names to a trained model in a folder."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import graphdiff as gd
from graphdiff.cli import main


def train(*arguments, out, code=0):
    done = CliRunner().invoke(main, ["train", *map(str, arguments), "--out", str(out)])
    assert done.exit_code == code, done.output
    return done.output


def test_a_model_is_trained_measured_and_written(tmp_path):
    shown = train("two_layer", "--data", "digits", "--loss", "hinge", "--epochs", 8, out=tmp_path)
    written = json.loads((tmp_path / "history.json").read_text())
    assert written["test"]["accuracy"] > 0.95
    assert f"accuracy {written['test']['accuracy']:.4f}" in shown
    assert len(written["history"]["epochs"]) == 8
    model = gd.models.two_layer(64, 10)
    model.load_state_dict(gd.load_state(tmp_path / "weights.safetensors"))
    test = gd.datasets.digits(seed=0).test
    right = model(test.inputs).numpy().argmax(-1) == test.labels
    assert right.mean() == pytest.approx(written["test"]["accuracy"])
    assert (tmp_path / "curves.svg").stat().st_size > 10_000


def test_images_are_made_as_large_as_the_model_wants_and_augmented(tmp_path):
    train("lenet5", "--data", "digits", "--epochs", 1, "--batch-size", 256, out=tmp_path)
    state = gd.load_state(tmp_path / "weights.safetensors")
    assert state["classifier.1.weight"].shape == (120, 400)  # that of 28×28


def test_a_run_goes_on_where_it_was_broken_off(tmp_path):
    common = ("linear", "--data", "digits", "--optimizer", "SGD", "-o", "momentum=0.9", "--schedule", "")
    train(*common, "--epochs", 4, out=tmp_path / "whole")
    assert "goes on" not in train(*common, "--epochs", 2, out=tmp_path / "parts")
    said = train(*common, "--epochs", 4, "--resume", out=tmp_path / "parts")
    assert re.search(r"goes on after step \d+\n", said)
    whole, parts = (gd.load_state(tmp_path / name / "weights.safetensors") for name in ("whole", "parts"))
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name])


def test_a_restart_takes_the_folder_of_its_own_launcher_or_a_new_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["train", "linear", "--data", "digits", "--epochs", "1", "--batch-size", "512"]

    def folders(launcher, restarts):
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", launcher)
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(restarts))
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        return sorted(path.name for path in tmp_path.iterdir())

    first, second = "graphdiff-train-1", "graphdiff-train-2"
    assert folders("one", 0) == [first]
    assert folders("one", 1) == [first]
    assert folders("another", 1) == [first, second]  # it was killed before it had a folder
    assert folders("another", 2) == [first, second]


def test_weights_for_other_classes_and_frozen_layers(tmp_path):
    gd.seed(1)
    source = gd.models.mlp(64, 5, (16,))
    gd.save_state(tmp_path / "other.safetensors", source.state_dict())
    options = ("--weights", tmp_path / "other.safetensors", "--freeze", "fc1.*", "-m", "hidden=[16]")
    train("mlp", "--data", "digits", "--epochs", 1, *options, out=tmp_path)
    state = gd.load_state(tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(state["fc1.weight"], source.state_dict()["fc1.weight"])
    assert state["fc2.weight"].shape == (10, 16)


def test_a_run_with_other_choices_does_not_go_on(tmp_path):
    common = ("linear", "--data", "digits", "--epochs", 1)
    train(*common, "--l2", 0.1, out=tmp_path)
    shown = train(*common, "--l2", 0.2, "--loss", "hinge", "--resume", out=tmp_path, code=1)
    assert "loss softmax_cross_entropy, penalty _penalty() with l1=0.0, l2=0.1" in shown
    assert "this one has loss hinge, penalty _penalty() with l1=0.0, l2=0.2" in shown


def test_an_older_run_is_not_overwritten(tmp_path):
    common = ("linear", "--data", "digits", "--epochs", 1)
    for more in ((), ("--restarts", 2)):
        folder = tmp_path / f"run{len(more)}"
        train(*common, *more, out=folder)
        there = {p.name: p.read_bytes() for p in folder.iterdir()}
        shown = train(*common, *more, out=folder, code=1)
        assert str(folder) in shown
        assert "go on with it (--resume), or name another folder (--out)" in shown
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == there


def test_by_default_each_run_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = ("train", "linear", "--data", "digits", "--epochs")
    for arguments in (("1",), ("1",), ("2", "--resume", "--schedule", "")):
        done = CliRunner().invoke(main, [*common, *arguments])
        assert done.exit_code == 0, done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graphdiff-train-1", "graphdiff-train-2"]
    epochs = [
        len(json.loads((p / "history.json").read_text())["history"]["epochs"]) for p in tmp_path.iterdir()
    ]
    assert sorted(epochs) == [1, 2]


def test_restarts_and_early_stopping(tmp_path):
    shown = train("linear", "--data", "digits", "--epochs", 2, "--restarts", 2, out=tmp_path / "restarts")
    assert "restart 2: training loss" in shown
    shown = train(
        "linear", "--data", "digits", "--epochs", 60, "--lr", 0.3, "--early-stopping", 1, out=tmp_path / "one"
    )
    assert "stopped: validation loss was best in epoch" in shown


def test_restarts_are_compared_on_the_training_data_as_they_were_in_training(tmp_path):
    common = ("lenet5", "--data", "digits", "--epochs", 2, "--augment", "", "--validation", 0)
    shown = train(*common, "--restarts", 2, out=tmp_path)
    found = [float(x) for x in re.findall(r"restart \d: training loss (\S+)", shown)]
    last = json.loads((tmp_path / "history.json").read_text())["history"]["epochs"][-1]["train"]["loss"]
    assert min(found) == pytest.approx(last, rel=0.5)
    assert min(found) < last  # measured after the epoch, whose mean is over the way there


def test_lenet_as_published_takes_the_digits(tmp_path):
    shown = train(
        "lenet5_1998",
        "--data",
        "digits",
        "--image-size",
        32,
        "--epochs",
        1,
        "--batch-size",
        256,
        out=tmp_path,
    )
    assert "test: loss" in shown


def test_an_image_folder_takes_the_size_that_the_model_is_made_for(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(16):
        place = tmp_path / "images" / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(place / f"{k}.png")
    given = ("--data", "image_folder", "--folder", tmp_path / "images", "--epochs", 1, "--validation", 0.2)
    assert "test: loss" in train("lenet5", *given, out=tmp_path / "out")
    assert "give --image-size" in train("resnet20", *given, out=tmp_path / "other", code=1)


def test_torch_trains_it_as_well(tmp_path):
    common = ("two_layer", "--data", "digits", "--epochs", 2)
    train(*common, out=tmp_path / "numpy")
    train(*common, "--backend", "torch", out=tmp_path / "torch")
    found = [
        json.loads((tmp_path / b / "history.json").read_text())["test"]["loss"] for b in ("numpy", "torch")
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lenet6", "--data", "digits"), "lenet5"),
        (("linear", "--data", "digts"), "digits"),
        (("linear", "--data", "mnist"), "give --folder"),
        (("linear", "--data", "digits", "--loss", "hing"), "hinge"),
        (("linear", "--data", "digits", "-o", "momentum"), "is not NAME=VALUE"),
        (("linear", "--data", "digits", "--backend", "numpy", "--device", "cuda"), "no device 'cuda'"),
        (("linear", "--data", "digits", "--backend", "torch", "--device", "cuda"), "CUDA is not available"),
        (("linear", "--data", "digits", "--freeze", "conv*"), "no parameter matches"),
        (("linear", "--data", "digits", "--mode", "fast"), "has no mode 'fast'"),
        (
            ("mlp", "--data", "digits", "-m", "hiden=9"),
            "mlp has no option 'hiden'\n  fix: did you mean 'hidden'?",
        ),
        (
            ("mlp", "--data", "digits", "-m", "hidden=abc"),
            "mlp: hidden='abc' is a str, not a tuple",
        ),
        (("linear", "--data", "digits", "-o", "weight_deacy=1"), "did you mean 'weight_decay'?"),
        (("linear", "--data", "digits", "-o", "beta=[1]"), "did you mean 'betas'?"),
        (
            ("linear", "--data", "digits", "--loss", "l2"),
            "l2 is a penalty on parameters, l2(model, strength)",
        ),
        (("linear", "--data", "digits", "--augment", "Cutout:3"), "--augment Cutout:3 changes images"),
        (("lenet5", "--data", "digits", "--augment", "Cutuot:3"), "Did you mean 'Cutout'?"),
        (("lenet5", "--data", "digits", "--augment", "Cutout:x"), "Cutout: size='x' is no integer"),
        (
            ("lenet5", "--data", "digits", "--augment", "GeometricDistortion:rotaton=1"),
            "did you mean 'rotation'?",
        ),
        (
            ("linear", "--data", "digits", "--schedule", "Step"),
            "missing 1 required positional argument: 'every'",
        ),
        (("linear", "--data", "digits", "--schedule", "WarmUp"), "is no schedule"),
        (("linear", "--data", "digits", "--resume", "--restarts", "2"), "restarts keep no checkpoints"),
    ],
)
def test_wrong_choices_are_answered(tmp_path, arguments, words):
    assert words in train(*arguments, out=tmp_path, code=1)


@pytest.mark.parametrize(("option", "allowed"), [("--lr", "x>0"), ("--l1", "x>=0"), ("--l2", "x>=0")])
def test_strengths_below_0_are_answered(tmp_path, option, allowed):
    shown = train("linear", "--data", "digits", option, -1, out=tmp_path, code=2)
    assert f"Invalid value for '{option}': -1.0 is not in the range {allowed}" in shown
