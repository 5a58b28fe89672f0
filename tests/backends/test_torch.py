"""What is particular to torch: its tensors, devices, dtypes, settings, and the fused kernels."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from graphdiff_torch.devices import Settings
from graphdiff_torch.kernels import normalization, pooling
from graphdiff_torch.kernels.labels import unseen_cross_entropy, unseen_one_hot
from ops.catalogue import PRIMITIVES

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.errors import ArgumentError, BackendError, DTypeError


@pytest.fixture(scope="module", autouse=True)
def backend():
    with gd.backend("torch") as backend:
        yield backend


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


# Loading


def test_torch_is_imported_when_a_backend_is_made_and_not_before():
    done = python(
        "import sys, graphdiff as gd\n"
        "from graphdiff.backend import backends\n"
        "backends['torch']; assert 'torch' not in sys.modules\n"
        "with gd.backend('torch'): assert 'torch' in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_without_torch_the_error_names_the_extra():
    done = python(
        "import sys; sys.modules['torch'] = None\nimport graphdiff as gd\nwith gd.backend('torch'): pass"
    )
    assert "BackendError: backend: torch is not installed" in done.stderr
    assert 'pip install "graphdiff[torch]"' in done.stderr


@pytest.mark.parametrize("device", ["tpu", "cuda:-1", "meta", ""])
def test_unknown_devices_are_refused(device):
    with pytest.raises(BackendError, match="cpu"), gd.backend("torch", device=device):
        pass


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_cuda_that_is_not_there_is_refused():
    with pytest.raises(BackendError, match="CUDA is not available"), gd.backend("torch", device="cuda"):
        pass


# Tensors of torch


def test_a_torch_tensor_is_taken_as_it_is(backend):
    theirs = torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16)
    shared, copied = backend.asarray(theirs), gd.tensor(theirs)
    theirs[0, 0] = 5
    assert backend.spec(shared) is copied.spec
    assert copied.dtype == "bfloat16"
    assert (shared.tolist(), copied.tolist()) == ([[5, 2]], [[1, 2]])


def test_torchs_autograd_takes_no_part():
    theirs = torch.tensor([1.0, 2.0], requires_grad=True)
    x = gd.variable(theirs)
    y = gd.sum(gd.softmax(x * 2))
    gradient = y.backward()[x]
    for t in (x, y, gradient, gd.as_tensor(theirs)):
        assert not t.data.requires_grad
        assert t.data.grad_fn is None
    assert theirs.grad is None


def test_tensors_that_are_no_plain_arrays_are_refused():
    with pytest.raises(ArgumentError, match="sparse"):
        gd.tensor(torch.eye(2).to_sparse())
    with pytest.raises(DTypeError, match="complex"):
        gd.tensor(torch.ones(2, dtype=torch.complex64), "float32")


def test_the_imaginary_part_of_a_conjugate_is_read_right():
    assert gd.as_tensor(torch.tensor([1 + 2j]).conj().imag).tolist() == [-2]


def test_results_without_axes_are_tensors():
    x = gd.tensor([1.0, 2.0])
    for out in (gd.sum(x), x[0], gd.mean(x), gd.argmax(x)):
        assert isinstance(out.data, torch.Tensor)


def test_python_scalars_are_made_once(backend):
    dtype = gd.DType("float32")
    assert backend.asarray(2.5, dtype) is backend.asarray(2.5, dtype)
    assert backend.asarray(2.5, dtype) is not backend.asarray(2.5, dtype, copy=True)
    assert np.signbit(backend.asarray(-0.0, dtype).item())
    assert not np.signbit(backend.asarray(0.0, dtype).item())
    for k in range(10_000):
        backend.asarray(float(k), dtype)
    assert len(backend._constants) <= 4096


@pytest.mark.parametrize("value", [300, -1])
def test_scalars_outside_the_dtype_are_refused(value):
    with pytest.raises(ArgumentError, match="out of bounds for uint8"):
        gd.tensor([1], "uint8") + value


# Small floats


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 2e-2), ("float16", 2e-3)])
def test_small_floats_compute_and_keep_their_dtype(dtype, tolerance):
    values, weights = np.linspace(-1.5, 1.5, 12).reshape(3, 4), np.linspace(0.1, 1, 8).reshape(4, 2)

    def network(x, w):
        hidden = gd.relu(x @ w + 0.5) * 2 - gd.mean(x, 1, keepdims=True)
        return gd.sum(gd.softmax(hidden) * gd.tanh(hidden)) + gd.norm(w) + gd.logsumexp(gd.std(x, 0))

    expected = gd.value_and_grad(network, (0, 1))(values, weights)
    x, w = gd.variable(values, dtype), gd.variable(weights, dtype)
    value = network(x, w)
    back = value.backward()
    for found, exact in ((value, expected[0]), (back[x], expected[1][0]), (back[w], expected[1][1])):
        assert found.dtype == dtype
        assert found.numpy().dtype == ("float32" if dtype == "bfloat16" else dtype)
        np.testing.assert_allclose(found, exact, rtol=tolerance, atol=tolerance)


def test_bfloat16_constants_and_round_trips():
    x = gd.full((2,), 1.5, "bfloat16")
    assert gd.index_update(x, 0, 2.5).tolist() == [2.5, 1.5]
    assert gd.from_dlpack(torch.ones(2, dtype=torch.bfloat16)).dtype == "bfloat16"
    assert torch.from_dlpack(x).dtype is torch.bfloat16
    assert (x + gd.tensor([1.0, 2.0], "float32")).dtype == "float32"


# Kernels


def test_every_builtin_composite_with_a_fused_kernel_is_taken_whole(backend):
    fused = "mean var std norm prod logsumexp softmax log_softmax sigmoid softplus softmax_cross_entropy"
    assert set(fused.split()) <= set(backend.kernels)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_many_choices_are_those_of_few(dtype):
    rng, special = np.random.default_rng(0), np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.5, -2.5])
    x, y = (torch.tensor(rng.choice(special, (100, 120)), dtype=getattr(torch, dtype)) for _ in range(2))
    c, scalar = torch.tensor(rng.random((100, 120)) < 0.5), torch.tensor(-0.0, dtype=x.dtype)
    cases = [(c, x, y), (c, scalar, y), (c, x, scalar), (c, x[:1], y), (c[:, :1], x, y), (c.T, x.T, y.T)]
    for given in [*cases, (c, scalar, scalar), (c, x[:, ::2].repeat(1, 2), y)]:
        found, expected = gd.where(*given), torch.where(*given)
        assert found.shape == expected.shape
        bits = (t.contiguous().view(torch.uint8) for t in (found.data, expected))
        assert torch.equal(*bits)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_what_torch_does_not_compute_is_said_so(dtype):
    with pytest.raises(BackendError, match=r"(?s)'torch' does not compute it .*cast first"):
        gd.tensor([1, 2], dtype) + 1


def test_matrices_of_booleans_multiply():
    x = gd.tensor([[True, False], [False, False]])
    np.testing.assert_array_equal(x @ x, x.numpy() @ x.numpy())


@pytest.mark.parametrize("label", [3, -1])
def test_labels_out_of_range_are_refused(label):
    logits = gd.tensor(np.zeros((2, 3)))
    for call in (
        lambda: gd.losses.softmax_cross_entropy(logits, [0, label]),
        lambda: gd.losses.hinge(logits, [0, label]),
        lambda: gd.one_hot([0, label], 3),
    ):
        with pytest.raises(ArgumentError, match=f"label {label} is outside 0 … 2"):
            call()


def test_labels_that_are_not_looked_at_give_nan():
    labels = torch.tensor([0, 3, 2, -1])
    logits = torch.tensor(np.random.default_rng(0).normal(size=(4, 3)))
    hot, losses = unseen_one_hot(labels, 3, torch.float32), unseen_cross_entropy(logits, labels)
    wrong = [False, True, False, True]
    assert hot.isnan().all(1).tolist() == losses.isnan().tolist() == wrong
    seen = [not w for w in wrong]
    right = gd.losses.softmax_cross_entropy(logits[seen], labels[seen], reduction="none")
    np.testing.assert_array_equal(losses[seen], right)
    np.testing.assert_array_equal(hot[seen], gd.one_hot(labels[seen], 3, "float32"))


def test_cross_entropy_of_a_certain_answer_is_finite():
    # The decomposition multiplies −∞ by 0 there.
    logits = gd.variable([[0.0, -np.inf, -np.inf]])
    loss = gd.losses.softmax_cross_entropy(logits, [0])
    assert loss.item() == 0
    np.testing.assert_array_equal(loss.backward()[logits], np.zeros((1, 3)))


def test_the_last_of_many_values_written_to_a_spot_stays():
    rng = np.random.default_rng(0)
    x, rows, columns = np.zeros((50, 40)), rng.integers(0, 50, 100_000), rng.integers(-40, 40, 100_000)
    values = rng.normal(size=100_000)
    expected = x.copy()
    for r, c, v in zip(rows, columns, values, strict=True):
        expected[r, c] = v
    np.testing.assert_array_equal(gd.index_update(x, (rows, columns), values), expected)


@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8", "uint64"])
def test_indices_of_every_integer_dtype(dtype):
    x = gd.tensor([1.0, 2.0, 3.0])
    index = gd.tensor([2, 0], dtype)
    assert x[index].tolist() == [3, 1]
    assert gd.scatter_add(x, index, 1.0).tolist() == [2, 2, 4]


def test_integer_convolutions_are_exact():
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (1, 2, 5, 5)), rng.integers(-9, 9, (3, 2, 2, 2))
    params = {"stride": (1, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 1), "groups": 1}
    out = PRIMITIVES["conv2d"](x, w, **params)
    back = PRIMITIVES["conv2d_input_grad"](out, w, input_shape=x.shape, **params)
    assert out.dtype == back.dtype == "int64"
    with gd.backend("numpy"):
        x, w = x.astype(float), w.astype(float)
        expected = PRIMITIVES["conv2d"](x, w, **params)
        np.testing.assert_array_equal(out, expected)
        expected = PRIMITIVES["conv2d_input_grad"](expected, w, input_shape=x.shape, **params)
        np.testing.assert_array_equal(back, expected)


# Settings


def state():
    return (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.are_deterministic_algorithms_enabled(),
    )


@pytest.mark.parametrize("tf32", [True, False, None])
@pytest.mark.parametrize("deterministic", [True, False])
def test_settings_hold_while_a_kernel_runs(tf32, deterministic):
    before, seen = state(), []
    settings = Settings(tf32=tf32, deterministic=deterministic)
    assert settings.needed == (tf32 is not None or deterministic)

    def kernel(x, fail):
        seen.append(state())
        if fail:
            raise ValueError(x)

    run = settings.around(kernel)
    run(1, fail=False)
    with pytest.raises(ValueError, match="2"):
        run(2, fail=True)
    wanted = (*(before[:2] if tf32 is None else (tf32, tf32)), deterministic)
    assert seen == [wanted, wanted]
    assert state() == before


def test_a_deterministic_backend_sums_in_the_same_order():
    rng = np.random.default_rng(0)
    spots, values = rng.integers(0, 3, 200_000), rng.normal(size=200_000).astype(np.float32)
    with gd.backend("torch", deterministic=True):
        sums = [gd.scatter_add(gd.zeros(3, "float32"), spots, values).tolist() for _ in range(5)]
    assert sums == [sums[0]] * 5
    assert not torch.are_deterministic_algorithms_enabled()


def test_deterministic_cuda_needs_a_fixed_workspace(monkeypatch):
    from graphdiff_torch import TorchBackend, devices

    monkeypatch.setattr(devices, "resolve", lambda device: torch.device("cuda", 0))
    monkeypatch.delitem(os.environ, "CUBLAS_WORKSPACE_CONFIG", raising=False)
    with pytest.raises(BackendError, match="CUBLAS_WORKSPACE_CONFIG=:4096:8"):
        TorchBackend("cuda", deterministic=True)
    monkeypatch.setitem(os.environ, "CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    made = TorchBackend("cuda", deterministic=True, tf32=True)
    assert (made.device, made.options) == ("cuda:0", {"tf32": True, "deterministic": True})
    assert get_backend("torch").options == {"tf32": False, "deterministic": False}


# Pooling


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_pooling_away_from_the_backends_context(dtype):
    x = gd.tensor(np.arange(25.0).reshape(1, 1, 5, 5), dtype)
    with gd.backend("numpy"):
        calls = (
            lambda x: gd.avg_pool2d(x, 2, 2, rounding="ceil"),
            lambda x: gd.adaptive_avg_pool2d(x, 2),
            lambda x: gd.adaptive_max_pool2d(x, 2),
        )
        for call in calls:
            out = call(x)
            assert (out.backend, out.dtype) == (x.backend, dtype)
            np.testing.assert_allclose(out, call(x.numpy()), rtol=1e-2)


# Notes on arrays


@pytest.mark.parametrize(
    "options", [{"stride": 1}, {"stride": 1, "padding": 1}, {"stride": 3, "rounding": "floor"}]
)
def test_a_pooling_finds_its_largest_elements_once(backend, monkeypatch, options):
    again = []
    argmax = pooling._window_argmax
    monkeypatch.setattr(pooling, "_window_argmax", lambda x, *rest: again.append(1) or argmax(x, *rest))
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8))
    v, t = gd.variable(x), torch.tensor(x, requires_grad=True)
    for _ in range(3):
        gd.sum(gd.max_pool2d(v, 3, **options) ** 2).backward()
    (
        torch.nn.functional.max_pool2d(t, 3, **{k: v for k, v in options.items() if k != "rounding"}) ** 2
    ).sum().backward()
    assert not again
    torch.testing.assert_close(v.grad, t.grad)
    v.data.neg_()
    settings = {"window": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
    backend.kernels["max_pool2d"](v.data, **settings)
    v.data.neg_()
    backend.kernels["window_argmax"](v.data, **settings)
    assert again  # it was written to since


def test_a_batch_is_measured_once_in_an_eager_step(monkeypatch):
    measured = []
    measure = normalization._measured
    monkeypatch.setattr(normalization, "_measured", lambda x: measured.append(x.shape) or measure(x))
    norm = gd.layers.BatchNorm2d(3)
    x = np.random.default_rng(0).normal(2, 3, size=(4, 3, 5, 5)).astype(np.float32)
    for _ in range(3):  # backward by the rules, and by generated code
        v = gd.variable(x)
        gd.sum(norm(v) ** 3).backward()
    assert len(measured) == 3
    theirs, t = torch.nn.BatchNorm2d(3), torch.tensor(x, requires_grad=True)
    for _ in range(3):
        theirs.weight.grad = theirs.bias.grad = t.grad = None
        (theirs(t) ** 3).sum().backward()
    ours = [v.grad, norm.weight.grad, norm.bias.grad, norm.running_mean.data, norm.running_var.data]
    expected = [t.grad, theirs.weight.grad, theirs.bias.grad, theirs.running_mean, theirs.running_var]
    for one, two in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, two.detach(), rtol=1e-4, atol=1e-4)


def test_arrays_whose_changes_torch_does_not_count_bear_no_notes(backend):
    with torch.inference_mode():
        x = torch.ones(2, 3, 4, 4)
        for k in range(1, 3):
            assert backend.kernels["mean"](x, axes=(0, 2, 3), keepdims=False).tolist() == [k] * 3
            x.mul_(2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_moments_are_those_of_the_values_as_they_are(backend, dtype):
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    for _ in range(2):
        for keepdims in (False, True):
            mean = backend.kernels["mean"](x, axes=(0, 2, 3), keepdims=keepdims)
            variance = backend.kernels["var"](x, axes=(0, 2, 3), ddof=0, keepdims=keepdims)
            wanted = (
                x.double().mean((0, 2, 3), keepdims),
                x.double().var((0, 2, 3), correction=0, keepdim=keepdims),
            )
            close = 1e-2 if dtype.itemsize == 2 else 1e-5
            torch.testing.assert_close((mean.double(), variance.double()), wanted, rtol=close, atol=close)
            assert mean.dtype is variance.dtype is dtype
        x.mul_(3)


@pytest.mark.parametrize("moment", [gd.var, gd.std])
def test_moments_of_nothing_are_nothing(moment):
    with gd.backend("torch"):
        assert moment(gd.zeros((2, 0, 1, 2)), 2).shape == (2, 0, 2)
