"""The torch backend on CUDA: ``pytest -m gpu``."""

import numpy as np
import pytest
import torch
from hypothesis import settings

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.errors import BackendError
from graphdiff.testing import check_backend

pytestmark = pytest.mark.gpu

from backends.test_backends import trained  # noqa: E402

CHECKS = check_backend.checks("torch", options={"device": "cuda"}, examples=settings.default.max_examples)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_check(check):
    check()


def test_cuda_and_its_number_mean_one_backend():
    number = torch.cuda.current_device()
    assert get_backend("torch", device="cuda") is get_backend("torch", device=f"cuda:{number}")
    with pytest.raises(BackendError, match="count from cuda:0"):
        get_backend("torch", device=f"cuda:{torch.cuda.device_count()}")


def test_tensors_travel_between_devices():
    x = np.arange(6.0).reshape(2, 3)
    with gd.backend("torch", device="cuda"):
        there = gd.tensor(x)
        assert there.data.device.type == "cuda"
        assert gd.from_dlpack(there.data).data.device.type == "cuda"
        assert torch.from_dlpack(there).device.type == "cuda"
    np.testing.assert_array_equal(gd.tensor(there), x)
    with gd.backend("torch"), pytest.raises(BackendError, match="cuda:"):
        gd.tensor(x) + there


def test_training_equals_numpys():
    np.testing.assert_allclose(trained("torch", device="cuda")[0], trained("numpy")[0], rtol=1e-3)


def test_labels_out_of_range_give_nan_and_leave_the_device_usable():
    with gd.backend("torch", device="cuda"):
        loss = gd.losses.softmax_cross_entropy(np.zeros((2, 3), np.float32), [0, 3], reduction="none")
        assert np.isnan(loss.numpy()).tolist() == [False, True]
        assert np.isnan(gd.one_hot([0, 3], 3).numpy()).all(1).tolist() == [False, True]


def test_a_training_step_does_not_wait_for_the_device():
    with gd.backend("torch", device="cuda"):
        model, x = gd.layers.Linear(4, 3, seed=0), gd.tensor(np.ones((2, 4), np.float32))
        labels = gd.tensor([0, 2])

        def step():
            loss = gd.losses.softmax_cross_entropy(model(x), labels)
            return loss.backward(wrt=model.parameters())

        step()  # constants and workspaces are made once
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_tf32_is_what_was_asked_for():
    x = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    exact = x.astype(np.float64) @ x.astype(np.float64)

    def error(tf32):
        with gd.backend("torch", device="cuda", tf32=tf32):
            return np.abs((gd.tensor(x) @ gd.tensor(x)).numpy() - exact).max()

    assert error(False) < 1e-3
    if torch.cuda.get_device_capability() >= (8, 0):
        assert error(True) > 1e-3
