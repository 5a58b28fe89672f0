"""The kits of models, data sets and backends catch the flaws that they are meant for."""

import backends.strict  # noqa: F401
import numpy as np
import pytest
from testing.flawed_layers import FLAWS as FLAWED_LAYERS

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.graph import TensorSpec
from graphdiff.testing import CheckError, check_backend, check_dataset, check_model
from graphdiff.train import Arrays, Dataset, hold_out


def caught(check):
    with pytest.raises(CheckError) as problem:
        check()
    return str(problem.value)


# Models


class TwoHeads(gd.Module):
    """Only one of its heads is found when a head is replaced."""

    def __init__(self):
        self.fc = gd.layers.Linear(3, 2, seed=0)
        self.scale = gd.Parameter(np.ones(2))

    def forward(self, x):
        return self.fc(x) * self.scale


def test_a_model_whose_head_cannot_be_replaced_is_caught():
    check = check_model.checks(TwoHeads, lambda s: (TwoHeads(), s.array((2, 3))))["head"]
    assert "do not broadcast" in caught(check)


@pytest.mark.parametrize("flaw", ["a gradient off by 1 %", "state that is not saved", "a forgotten switch"])
def test_a_flaw_of_a_layer_is_caught_in_a_model(flaw):
    layer, meant = FLAWED_LAYERS[flaw]
    assert f"check {meant!r} failed" in caught(check_model.checks(layer)[meant])


# Data sets


def numbers(n=40):
    return Arrays(np.arange(3.0 * n).reshape(n, 3), np.arange(n) % 4)


def sound(seed=0):
    return Dataset(*hold_out(numbers(), seed=seed), ["a", "b", "c", "d"], "numbers")


def unequal():
    train, test = sound()
    return Dataset(Arrays(train.inputs, train.labels[1:]), test)


def unnamed():
    return Dataset(*sound(), ["a", "b", "c"])


def mixed():
    train, test = sound()
    return Dataset(Arrays(train.inputs.astype("float32"), train.labels), test)


def unrepeatable():
    return sound(seed=int(np.random.default_rng().integers(1 << 30)))


_KEPT = sound()


def shared():
    return _KEPT


def seedless(seed=0):
    return sound()


def losing(seed=0):
    train, test = sound(seed)
    return Dataset(Arrays(train.inputs[seed:], train.labels[seed:]), test)


class Rows(np.ndarray):
    """Takes no lists."""

    def __getitem__(self, key):
        return super().__getitem__(slice(None) if isinstance(key, list) else key)


def rows():
    train, test = sound()
    return Dataset(Arrays(train.inputs.view(Rows), train.labels), test)


FLAWED = {
    unequal: "parts",
    unnamed: "dtypes",
    mixed: "dtypes",
    rows: "indexing",
    unrepeatable: "reproducible",
    shared: "unmutated",
    seedless: "splits",
    losing: "splits",
}


def test_a_sound_data_set_passes():
    assert set(check_dataset(sound).passed) == {*FLAWED.values(), "batches"}


@pytest.mark.parametrize("make", FLAWED, ids=lambda make: make.__name__)
def test_a_flawed_data_set_is_caught(make):
    message = caught(check_dataset.checks(make)[FLAWED[make]])
    assert message.startswith(f"check_dataset({make.__name__}): check {FLAWED[make]!r} failed")


# Backends


@pytest.fixture
def kernels(monkeypatch):
    found = dict(get_backend("strict").kernels)
    monkeypatch.setattr(get_backend("strict"), "kernels", found)
    return found


def test_missing_kernels_are_named_and_their_checks_not_run(kernels):
    del kernels["tanh"], kernels["conv2d"]
    checks = check_backend.checks("strict")
    message = caught(checks["complete"])
    assert "has no kernel for 2 of" in message
    assert "conv2d, tanh" in message
    with pytest.raises(gd.testing.NotRunError, match="no kernel for 'tanh'"):
        checks["tanh"]()


@pytest.mark.parametrize(
    ("kernel", "says"),
    [
        (lambda x: np.tanh(np.asarray(x)) * 1.01, "against NumPy's"),
        (lambda x: np.tanh(np.asarray(x)).astype("float32"), "kernel gave"),
    ],
)
def test_a_wrong_kernel_is_caught(kernels, kernel, says):
    kernels["tanh"] = lambda x: get_backend("strict").asarray(kernel(x))
    assert says in caught(check_backend.checks("strict")["tanh"])


def test_arrays_that_are_no_copies_and_specs_that_are_wrong_are_caught(monkeypatch):
    strict = get_backend("strict")
    monkeypatch.setattr(strict, "spec", lambda array: TensorSpec(array.shape, "float16"))
    assert "is said to be float16" in caught(check_backend.checks("strict")["arrays"])
    monkeypatch.undo()
    monkeypatch.setattr(get_backend("numpy"), "asarray", lambda value, dtype, copy: np.asarray(value))
    assert "copied, there and back" in caught(check_backend.checks("numpy")["arrays"])


def test_primitives_of_plugins_are_checked_too():
    from graphdiff_layers.dropout import dropout

    check_backend.checks("strict", [dropout], examples=3)["dropout"]()
