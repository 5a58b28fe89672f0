"""Several backends in one process: who is who, what is refused, what travels, and that both train alike."""

import copy
import pickle

import backends.strict  # noqa: F401
import numpy as np
import pytest
import torch

import graphdiff as gd
from graphdiff.backend import current_backend, get_backend
from graphdiff.errors import ArgumentError, BackendError, DTypeError

BACKENDS = ["numpy", "torch", "strict"]
every_backend = pytest.mark.parametrize("name", BACKENDS)


def on(backend, value, **options):
    with gd.backend(backend):
        return gd.variable(value, **options)


# Who is who


def test_numpy_is_the_default_and_contexts_nest():
    assert current_backend().name == "numpy"
    with gd.backend("torch") as outer:
        with gd.backend("numpy"):
            assert gd.tensor(1.0).backend.name == "numpy"
        assert current_backend() is outer is gd.tensor(1.0).backend
    assert current_backend().name == "numpy"


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_options_left_out_and_spelled_out_mean_one_backend(name):
    assert get_backend(name) is get_backend(name, device="cpu")


def test_other_options_mean_another_backend():
    assert get_backend("torch", deterministic=True) is not get_backend("torch")
    assert get_backend("torch", deterministic=False, tf32=False) is get_backend("torch")


# Mixing


@every_backend
def test_mixing_is_refused(name):
    other = "numpy" if name != "numpy" else "torch"
    x, y = on(name, [1.0], name="x"), on(other, [2.0], name="y")
    for mix in (lambda: x + y, lambda: gd.concatenate([x, y]), lambda: gd.take(x, on(other, 0))):
        with pytest.raises(BackendError, match=rf"(?s){name} \(cpu\).*with graphdiff.backend") as caught:
            mix()
        assert "test_backends.py" in str(caught.value)


@every_backend
def test_what_lies_on_the_host_joins_the_tensor_it_meets(name):
    x = on(name, np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
    calls = (
        lambda: x * 2 + 1,
        lambda: x * np.ones(2, np.float32),
        lambda: np.ones(2, np.float32) - x,
        lambda: x[[1, 0]],
        lambda: x[np.array([True, False])],
        lambda: gd.index_update(x, 0, 5.0),
        lambda: gd.scatter_add(x, ([0, 0], [1, 1]), [1.0, 2.0]),
        lambda: gd.where(x > 2, x, 0.0),
        lambda: gd.pad(x, 1, "reflect"),
        lambda: gd.prod(x) + gd.logsumexp(x) + gd.var(x),
    )
    for call in calls:
        out = call()
        assert (out.backend, out.dtype) == (x.backend, "float32")
        assert gd.sum(out).backward()[x].backend is x.backend


@every_backend
def test_a_tensor_moves(name):
    x = gd.tensor([[1.5, 2.5]], "float32")
    with gd.backend(name):
        moved = gd.tensor(x)
        assert (moved.backend.name, moved.dtype) == (name, "float32")
    back = gd.tensor(moved)
    assert back.backend.name == "numpy"
    np.testing.assert_array_equal(back, x)


# Round trips

VALUES = {
    "matrix": np.arange(6.0).reshape(2, 3),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "reversed": np.arange(6)[::-1],
    "strided": np.arange(12, dtype=np.float32)[::3],
    "broadcast": np.broadcast_to(np.float64(2.0), (2, 3)),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3)),
    "booleans": np.array([True, False]),
    "swapped bytes": np.arange(3, dtype=">f8"),
    "long long": np.arange(3, dtype=np.ulonglong),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@every_backend
def test_values_come_back(name, value):
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    with gd.backend(name):
        for made in (gd.tensor(value), gd.as_tensor(value)):
            assert (made.shape, made.dtype) == (value.shape, value.dtype.name)
            np.testing.assert_array_equal(made, value)
            assert not made.numpy().flags.writeable


@every_backend
def test_every_dtype_comes_back(name):
    dtypes = "bool int8 int16 int32 int64 uint8 float32 float64".split()
    for dtype in dtypes if name == "strict" else [*dtypes, "float16"]:  # not within the standard
        with gd.backend(name):
            x = gd.tensor([0, 1], dtype)
            assert x.dtype == gd.zeros(2, dtype).dtype == gd.ones_like(x).dtype == x.numpy().dtype == dtype
        assert x.tolist() == [0, 1]
        assert x[1].item() == 1
        assert gd.cast(x, "float64").tolist() == [0, 1]


@every_backend
def test_a_tensor_does_not_change_with_the_array_it_was_made_from(name):
    value = np.array([1.0, 2.0])
    with gd.backend(name):
        x = gd.tensor(value)
        value[0] = 7
        assert x.tolist() == [1, 2]
        copies = [copy.deepcopy(x), pickle.loads(pickle.dumps(x)), gd.tensor(x)]
    assert [c.tolist() for c in copies] == [[1, 2]] * 3
    assert all(c.data is not x.data for c in copies)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_dlpack_both_ways(name):
    value = np.arange(6.0).reshape(2, 3)
    with gd.backend(name):
        taken = gd.from_dlpack(value)
        assert taken.backend.name == name
        handed = np.from_dlpack(gd.tensor(value)[:, ::-1])
        np.testing.assert_array_equal(handed, value[:, ::-1])
        x = gd.tensor(value)
        torch.from_dlpack(x)[...] = 0
    np.testing.assert_array_equal(taken, value)
    np.testing.assert_array_equal(x, value)


# Training


def trained(name, steps=5, **options):
    """Losses and parameters of a small network after some steps of descent."""
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(16, 6)).astype(np.float32), rng.integers(0, 3, 16)
    with gd.backend(name, **options):
        model = gd.layers.Sequential(
            gd.layers.Linear(6, 8, seed=1), gd.layers.Tanh(), gd.layers.Linear(8, 3, seed=2)
        )
        optimizer = gd.optimizers.SGD(lr=0.3, momentum=0.9)
        losses = []
        for _ in range(steps):
            loss = gd.losses.softmax_cross_entropy(model(gd.tensor(inputs)), gd.tensor(labels))
            optimizer.step(model, (loss + gd.losses.l2(model, 1e-3)).backward(wrt=model.parameters()))
            losses.append(loss.item())
        assert {p.backend for p in model.parameters()} == {current_backend()}
        return losses, model.state_dict(), optimizer.state_dict()


@pytest.mark.parametrize("name", ["torch", "strict"])
def test_training_equals_numpys(name):
    expected, found = trained("numpy"), trained(name)
    assert expected[0][-1] < expected[0][0] - 0.2
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            shared = key.startswith("/")  # the optimizer's rate and count, of no parameter
            assert shared or value.dtype == np.float32
            np.testing.assert_allclose(value, theirs[key], rtol=1e-3, atol=1e-5)


def test_a_state_dict_travels_between_backends():
    model = gd.layers.Linear(3, 2)
    with gd.backend("torch"):
        other = gd.layers.Linear(3, 2, dtype="bfloat16")
        other.load_state_dict(model.state_dict())
        assert other.weight.dtype == "bfloat16"
        again = gd.layers.Linear(3, 2, dtype="bfloat16")
        again.load_state_dict(other.state_dict())
    np.testing.assert_array_equal(again.weight, other.weight)
    np.testing.assert_allclose(other.weight, model.weight, rtol=1e-2)


def test_the_trainer_trains_on_torch():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 4))
    data = gd.train.data.Arrays(inputs.astype(np.float32), (inputs[:, 0] > 0).astype(np.int64))
    histories = []
    for name in ("numpy", "torch"):
        with gd.backend(name):
            model = gd.layers.Linear(4, 2, seed=0)
            trainer = gd.Trainer(model, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(lr=0.5))
            histories.append(trainer.fit(data, validation=data, epochs=3, progress=False))
    numpys, torchs = histories
    np.testing.assert_allclose(torchs.losses, numpys.losses, rtol=1e-4)
    assert torchs.epochs[-1].validation.accuracy == numpys.epochs[-1].validation.accuracy > 0.8


# Constants


@every_backend
def test_constants_that_do_not_fit_are_refused(name):
    with gd.backend(name):
        for call in (lambda: gd.full(2, 300, "uint8"), lambda: gd.tensor([1], "uint8") * 300):
            with pytest.raises(ArgumentError, match="300"):
                call()
    with pytest.raises(DTypeError, match="bfloat16"):
        gd.zeros(2, "bfloat16")


@every_backend
def test_clip_keeps_integers_and_narrow_floats(name):
    with gd.backend(name):
        x = gd.tensor([-3, 0, 3])
        for found, expected in (
            (gd.clip(x, 0), [0, 0, 3]),
            (gd.clip(x, None, 1), [-3, 0, 1]),
            (gd.clip(gd.cast(x, "int8"), -1000, 1), [-3, 0, 1]),
            (gd.clip(gd.cast(x, "float32"), np.float64(-1), np.float64(0.5)), [-1, 0, 0.5]),
            (gd.clip(gd.cast(x, "float64"), 2.0, 1.0), [1, 1, 1]),
        ):
            assert found.tolist() == expected
            assert found.backend.spec(found.data) is found.spec
        with pytest.raises(ArgumentError, match="int8 has no number between 500 and"):
            gd.clip(gd.cast(x, "int8"), 500)


@every_backend
def test_host_arrays_join_the_tensor_they_meet(name):
    with gd.backend(name):
        x = gd.variable([[1.0, 2.0]])
    for y in (
        gd.matmul(x, np.ones((2, 1))),
        np.ones((1, 1)) @ x,
        gd.concatenate([np.zeros((1, 2)), x]),
        gd.einsum("ij,j->i", x, np.ones(2)),
        gd.tensordot(x, np.ones((2, 3)), 1),
        x * np.ones(2),
    ):
        assert y.backend is x.backend


@pytest.mark.parametrize(("name", "known"), [("numpy", "device"), ("torch", "device, tf32, deterministic")])
def test_an_option_that_a_backend_does_not_have_is_refused(name, known):
    with pytest.raises(ArgumentError, match=f"{name!r} has no option fast") as caught:
        gd.get_backend(name, fast=True)
    assert known in str(caught.value)
