"""Compiled programs on torch: every mode against eager and against torch's own autograd, and what they do to
memory."""

import gc
import logging
import shutil
import weakref
from itertools import pairwise

import numpy as np
import pytest
import torch
from compile.test_compile import PROGRAMS, run
from graphdiff_torch import lowering
from graphdiff_torch.lowering import choice
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.bench.peers.torch_models import MODELS
from graphdiff.bench.workloads import WORKLOADS
from graphdiff.cell import Cell
from graphdiff.errors import ArgumentError, BackendError
from graphdiff.testing.strategies import sources

CALLS = 14  # more than the choice between two layouts takes


@pytest.fixture(autouse=True)
def backend():
    with gd.backend("torch") as made:
        yield made


def close(one, two, tolerance=1e-5):
    assert (one.shape, one.dtype) == (two.shape, two.dtype)
    np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=tolerance, atol=tolerance)


def with_gradients(program):
    def fn(x, y):
        results = run(program, x, y)
        loss = sum(gd.sum(r) for r in results) + gd.sum(x) * 0.0 + gd.sum(y) * 0.0
        back = loss.backward(wrt=[x, y])
        return results, loss, back[x], back[y]

    return fn


@given(PROGRAMS, sources(), st.sampled_from(["float32", "float64"]))
def test_random_programs_and_their_gradients_equal_eager(program, source, dtype):
    arrays = [source.array((3, 3)).astype(dtype), source.array((3, 3), offset=0.7).astype(dtype)]
    fn = with_gradients(program)
    with gd.backend("torch"):
        results, *rest = fn(*(gd.variable(a) for a in arrays))
        compiled = gd.compile(fn)
        for _ in range(2):
            again, *others = compiled(*map(gd.tensor, arrays))
            for one, two in zip([*results, *rest], [*again, *others], strict=True):
                close(two, one, 1e-3 if dtype == "float32" else 1e-9)


# Patterns: found, and left alone where a value is needed otherwise

X = np.random.default_rng(0).normal(size=(2, 3, 7, 7)).astype(np.float32)
M = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
LABELS = np.array([0, 3, 1, 4])
K = np.random.default_rng(2).normal(size=(4, 3, 3, 3)).astype(np.float32)
NAN = np.array([[np.nan, -1.0, 0.0, -0.0, np.inf]], np.float32)


def linear(x, w, b):
    y = x @ gd.transpose(w) + b
    back = gd.sum(gd.relu(y)).backward(wrt=[x, w, b])
    return y, back[x], back[w], back[b]


def convolution(x, w, b):
    y = gd.relu(gd.conv2d(x, w, b, padding=1))
    z = gd.max_pool2d(y, 2, rounding="floor")
    back = gd.sum(z * z).backward(wrt=[x, w, b])
    return z, back[x], back[w], back[b]


def cross_entropy(x, labels):
    loss = gd.losses.softmax_cross_entropy(x, labels)
    return loss, loss.backward(wrt=[x])[x]


FUSED = {
    "linear": (linear, (M, M[:3], M[0, :3]), "addmm"),
    "stretched bias": (lambda x, y, b: x @ gd.transpose(y) + b, (M, M[:3], M[:, :1]), "addmm"),
    "product used twice": (lambda x, y: ((p := x @ gd.transpose(y)) + M[0, :3], p), (M, M[:3]), ""),
    "sum that is broadcast": (lambda x, y: x @ gd.transpose(y) + M[None, :, :3], (M, M[:3]), ""),
    "convolution": (convolution, (X, K, M[:, 0]), "biased_conv2d max_pool_grad"),
    "uneven padding": (lambda x, w, b: gd.conv2d(x, w, b, padding=((0, 1), (2, 0))), (X, K, M[:, 0]), ""),
    "cross-entropy": (cross_entropy, (M, LABELS), ""),
    "gradient of cross-entropy alone": (
        lambda x, labels: cross_entropy(x, labels)[1],
        (M, LABELS),
        "softmax_less_one_hot",
    ),
    "relu before and after": (
        lambda x: ((y := x * 2), (z := gd.relu(y)), gd.sum(z).backward(wrt=[x])[x]),
        (NAN,),
        "",
    ),
    "value read again": (lambda x: (gd.exp(y := x + 1) * y, gd.sum(y)), (M,), ""),
    "view of a value": (lambda x: ((y := gd.exp(x)).T, y + 1, gd.sin(y + 2) * 2), (M,), ""),
    "three meet": (
        lambda x: gd.sum(gd.sin(x) * gd.exp(x) + x * x + gd.cos(x)).backward(wrt=[x])[x],
        (M,),
        "accumulate",
    ),
    "second derivative of pooling": (
        lambda x: gd.grad(lambda v: gd.sum(gd.grad(lambda u: gd.sum(gd.max_pool2d(u, 3) ** 3))(v) ** 2))(x),
        (X[..., :6, :6],),
        "",
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_patterns_give_what_the_operations_give(name):
    fn, arrays, calls = FUSED[name]
    expected = fn(*(gd.variable(a) if a.dtype == np.float32 else gd.tensor(a) for a in arrays))
    compiled = gd.compile(fn)
    for _ in range(CALLS):
        found = compiled(*map(gd.tensor, arrays))
    pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
    for one, two in pairs:
        close(one, two, 1e-4)
    for call in calls.split():
        assert call in compiled.source


def test_both_gradients_of_a_convolution_and_its_bias_are_one_call():
    compiled = gd.compile(convolution)
    compiled(gd.tensor(X), gd.tensor(K), gd.tensor(M[:, 0]))
    for separate in ("conv2d_input_grad", "conv2d_weight_grad", "k_sum(", "window_"):
        assert separate not in compiled.source.replace("k_sum(v", "", 1)  # the loss is a sum too


def test_cross_entropy_and_its_gradient_are_one_call():
    compiled = gd.compile(cross_entropy)
    compiled(gd.tensor(M), gd.tensor(LABELS))
    assert "softmax" not in compiled.source
    with pytest.raises(ArgumentError, match="label 5 is outside 0 … 4"):
        compiled(gd.tensor(M), gd.tensor(LABELS + 5))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_gradient_of_cross_entropy_is_as_exact_compiled_as_eagerly(dtype):
    scores = np.random.default_rng(0).normal(size=(64, 10)) * 3
    labels = np.arange(64) % 10

    def gradient(z):
        return gd.grad(lambda z: gd.losses.softmax_cross_entropy(z, labels))(z)

    z = gd.tensor(scores, dtype)
    exact = gradient(gd.tensor(z.numpy().astype("float64"))).numpy()
    eager, compiled = (
        np.abs(fn(z).numpy().astype("float64") - exact).max() for fn in (gradient, gd.compile(gradient))
    )
    assert compiled <= 1.5 * eager


def test_gradients_of_two_convolutions_with_one_upstream_are_not_taken_together():
    tall, flat = np.arange(1.0, 3).reshape(1, 1, 2, 1), np.full((1, 1, 1, 1), 3.0)

    def both(x, w):
        return gd.sum(gd.square(gd.conv2d(x, gd.tensor(tall)) + gd.conv2d(gd.tensor(flat), w)))

    gradients = gd.grad(both, (0, 1))
    eager, compiled = gradients(tall, flat), gd.compile(gradients)(tall, flat)
    for one, other in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy())
    np.testing.assert_allclose(eager[0].numpy(), 28 * tall)  # 2 · (1 + 4 + 9) · w


def test_what_was_noted_about_a_parameter_is_not_true_of_its_next_value():
    weights = gd.Parameter(np.random.default_rng(0).normal(size=(3, 2, 2, 2)))
    model = gd.layers.Sequential()
    model.weights = weights
    optimizer = gd.optimizers.SGD(0.5)

    @gd.compile
    def step():
        loss = gd.sum(gd.square(weights))
        optimizer.step(model, loss.backward(wrt=[weights]))

    for _ in range(4):
        step()
        found = gd.mean(weights, (0, 2, 3)), gd.var(weights, (0, 2, 3))
        np.testing.assert_allclose(found[0].numpy(), weights.numpy().mean((0, 2, 3)), rtol=1e-5)
        np.testing.assert_allclose(found[1].numpy(), weights.numpy().var((0, 2, 3)), rtol=1e-5)


def test_a_replaced_kernel_is_heeded(backend, monkeypatch):
    monkeypatch.setitem(backend.kernels, "relu", lambda x: x + 1)
    monkeypatch.setitem(backend.kernels, "matmul", lambda x, y: x.sum() + y.sum())
    assert gd.compile(lambda x: gd.relu(x) * 1.0)(np.zeros(2)).tolist() == [1, 1]
    assert gd.compile(lambda x: x @ x + x)(np.ones((2, 2))).tolist() == [[9, 9], [9, 9]]


# Whole steps


def steps_of_torch(name, state, inputs, labels, count, momentum):
    model = MODELS[WORKLOADS[name].network]()
    model.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum)
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {k: v.detach().numpy() for k, v in model.state_dict().items()}


def trainer(name, mode, momentum=0.9):
    gd.seed(0)
    model = WORKLOADS[name].model()
    optimizer = gd.optimizers.SGD(0.01, momentum)

    def step(x, y):
        loss = gd.losses.softmax_cross_entropy(model(x), y)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    return model, optimizer, gd.compile(step, mode=mode)


@pytest.mark.parametrize(
    ("name", "mode", "momentum"),
    [
        ("mlp-64", "aten", 0.9),
        ("mlp-64", "aten", 0.0),
        ("mlp-64", "inductor", 0.9),
        ("lenet5-64", "auto", 0.9),
        ("vgg-64", "auto", 0.9),
        ("resnet18-16", "auto", 0.0),
    ],
)
def test_training_equals_that_of_torchs_autograd(name, mode, momentum):
    model, _, step = trainer(name, mode, momentum)
    data = WORKLOADS[name].data()
    inputs, labels = data["inputs"][:4], data["labels"][:4]
    count = CALLS if "resnet" not in name else 3
    expected = steps_of_torch(name, model.state_dict(), *map(torch.tensor, (inputs, labels)), count, momentum)
    losses = [step(gd.tensor(inputs), gd.tensor(labels)).item() for _ in range(count)]
    tolerance = 5e-3 if "resnet" in name else 1e-4
    np.testing.assert_allclose(losses, expected[0], rtol=tolerance, atol=tolerance)
    for key, value in model.state_dict().items():
        np.testing.assert_allclose(value, expected[1][key], rtol=tolerance, atol=tolerance, err_msg=key)


# State in place


def batch():
    data = WORKLOADS["mlp-64"].data()
    return gd.tensor(data["inputs"]), gd.tensor(data["labels"])


def test_parameters_keep_their_memory():
    model, optimizer, step = trainer("mlp-64", "aten")
    step(*batch())
    velocities = (c for path, state in optimizer.state.items() if path for c in state.values())
    cells = [*model.parameters(), *velocities]
    places = [cell.data.data_ptr() for cell in cells]
    for _ in range(3):
        step(*batch())
    assert [cell.data.data_ptr() for cell in cells] == places


HOLDS = {
    "tensor": lambda p: p.data,
    "view": lambda p: p.data.t(),
    "detached": lambda p: p.data.detach(),
    "numpy": lambda p: p.data.numpy(),
    "dlpack": lambda p: np.from_dlpack(p.data),
}


@pytest.mark.parametrize("kind", HOLDS)
def test_a_value_that_somebody_holds_is_not_overwritten(kind):
    model, _, step = trainer("mlp-64", "aten")
    for _ in range(2):
        step(*batch())
    held = HOLDS[kind](model.parameters()[0])
    before = torch.tensor(held) if isinstance(held, np.ndarray) else held.clone()
    for _ in range(2):
        step(*batch())
    assert torch.equal(torch.as_tensor(held), before)
    assert not torch.equal(torch.as_tensor(HOLDS[kind](model.parameters()[0])), before)


def test_an_array_given_to_a_cell_is_not_overwritten():
    cell, rate, mine = Cell(np.ones(3, "float32")), Cell(np.float32(0.1)), np.full(3, 5, "float32")
    cell.assign(gd.as_tensor(mine))
    step = gd.compile(lambda g: cell.assign(cell - rate * g))
    for _ in range(3):
        step(gd.tensor(np.ones(3, "float32")))
    assert mine.tolist() == [5, 5, 5]
    np.testing.assert_allclose(cell.numpy(), 4.7, rtol=1e-6)


def descents():
    """Updates that look like SGD's and must not be made in place, or not all at once."""

    def old_value_returned(p, q, lr, g):
        old = p + 0.0
        p.assign(p - lr * g)
        return old, gd.transpose(q)

    def new_value_used(p, q, lr, g):
        p.assign(p - lr * g)
        q.assign(q - lr * (p * 2))
        return p * 3

    def gradient_is_a_parameter(p, q, lr, g):
        one, two = p - lr * q, q - lr * p
        p.assign(one)
        q.assign(two)
        return g

    def swapped(p, q, lr, g):
        one, two = p - lr * g, q - lr * g
        p.assign(two)
        q.assign(one)
        return g

    def handed_through(p, q, lr, g):
        before = gd.reshape(p, (-1,))
        p.assign(p - lr * g)
        return before

    def twice(p, q, lr, g):
        one = p - lr * g
        p.assign(one - lr * g)
        return one

    return {f.__name__: f for f in locals().values() if callable(f)}


@pytest.mark.parametrize("name", descents())
def test_updates_that_are_entangled_equal_eager(name):
    fn, values = descents()[name], np.arange(6, dtype="float32").reshape(2, 3)

    def outcome(compiled):
        p, q, lr = Cell(values), Cell(values * 10), Cell(np.float32(0.5))
        step = gd.compile(lambda g: fn(p, q, lr, g)) if compiled else lambda g: fn(p, q, lr, g)
        seen = []
        for k in range(3):
            results = step(gd.tensor(np.full((2, 3), k + 1.0, "float32")))
            seen += results if isinstance(results, tuple) else [results]
        return [np.array(t.numpy()) for t in (*seen, p, q)]

    for one, two in zip(outcome(True), outcome(False), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)


def test_a_step_that_fails_leaves_the_state():
    model, _, step = trainer("mlp-64", "aten")
    x, y = batch()
    step(x, y)
    before = model.state_dict()
    with pytest.raises(ArgumentError, match="label 99 is outside"):
        step(x, gd.tensor(np.where(y.numpy() == y.numpy()[0], 99, y.numpy())))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_results_handed_out_are_never_overwritten():
    fn = gd.compile(lambda x: ((x + 1) * 2, (gd.exp(x) + 1).T, x @ x, gd.relu(x @ x + 1)))
    first = fn(gd.tensor(np.ones((3, 3), "float32")))
    copies = [np.array(t.numpy()) for t in first]
    for k in range(3):
        fn(gd.tensor(np.full((3, 3), k, "float32")))
    for t, copy in zip(first, copies, strict=True):
        np.testing.assert_array_equal(t.numpy(), copy)


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_thousand_steps_leave_memory_where_it_was():
    *_, step = trainer("mlp-64", "aten")
    for _ in range(20):
        step(*batch())
    gc.collect()
    tensors = sum(type(o) is torch.Tensor for o in gc.get_objects())
    before = resident()
    for _ in range(1000):
        step(*batch())
    gc.collect()
    assert sum(type(o) is torch.Tensor for o in gc.get_objects()) <= tensors
    assert resident() - before < 50e6  # one set of parameters a step would be 940 MB


def test_an_executable_goes_with_its_function():
    fn = gd.compile(lambda x: gd.exp(x) * 2)
    fn(np.ones(2))
    executable = weakref.ref(fn._last().executable)
    del fn
    gc.collect()
    assert executable() is None


# Modes


class Sleepy:
    """An executable that takes its time, by a clock that stands still otherwise."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.calls, self.source = clock, seconds, 0, f"takes {seconds}"

    def run(self, arguments):
        self.calls += 1
        self.clock[0] += self.seconds if self.calls > 1 else 100  # the first call warms up
        return arguments


def test_the_fastest_is_chosen_by_real_calls(monkeypatch, caplog):
    clock, waits = [0.0], []
    monkeypatch.setattr(choice.time, "perf_counter", lambda: clock[0])
    slow, fast = Sleepy(clock, 2.0), Sleepy(clock, 1.0)
    chosen = choice.Choice({"slow": slow, "fast": fast}, lambda: waits.append(1))
    with caplog.at_level(logging.INFO, "graphdiff.compile"):
        for k in range(30):
            assert chosen.run([k]) == [k]
    assert slow.calls + fast.calls == 30
    assert fast.calls > 3 * slow.calls
    assert chosen.source == "takes 1.0"
    assert len(waits) < 30
    assert "fast chosen: slow 2e+03 ms, fast 1e+03 ms" in caplog.text


def test_channels_last_is_tried_where_there_are_convolutions(caplog):
    with caplog.at_level(logging.INFO, "graphdiff.compile"):
        compiled = gd.compile(lambda x, w: gd.conv2d(x, w))
        for _ in range(CALLS):
            compiled(gd.tensor(X), gd.tensor(K))
        matrices = gd.compile(lambda x: x @ x.T)
        for _ in range(CALLS):
            matrices(gd.tensor(M))
    assert [r.getMessage() for r in caplog.records if "chosen" in r.getMessage()].__len__() == 1
    assert "channels-last" in caplog.text


def test_convolutions_with_filters_larger_than_their_images_keep_to_channels_first(monkeypatch):
    rng, widths = np.random.default_rng(0), (3, 8, 8, 64)
    filters = [gd.tensor(rng.normal(size=(o, i, 3, 3)) / i) for i, o in pairwise(widths)]

    def gradients(x, *filters):
        y = x
        for w in filters:
            y = gd.relu(gd.conv2d(y, w, padding=1, stride=2))
        found = gd.sum(y * y).backward(wrt=[x, *filters])
        return [found[t] for t in (x, *filters)]

    x = gd.tensor(rng.normal(size=(2, 3, 17, 17)))
    compiled = gd.compile(gradients)
    expected = gradients(*(gd.variable(t.numpy()) for t in (x, *filters)))
    tried = {}
    monkeypatch.setattr(
        lowering, "Choice", lambda found, wait: tried.update(found) or choice.Choice(found, wait)
    )
    for _ in range(CALLS):
        for one, two in zip(compiled(x, *filters), expected, strict=True):
            close(one, two)
    # Images of the convolution with the large filter, and the gradient that comes back from it.
    assert [
        tried["aten, channels-last"].source.count(f"= k_channels_{order}(") for order in ("first", "last")
    ] == [1, 1]
    assert "k_channels" not in tried["aten, channels-first"].source


def test_inductor_without_a_compiler_says_what_to_do(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BackendError, match=r"(?s)finds no compiler.*apt install g\+\+"):
        gd.compile(gd.exp, mode="inductor")(np.ones(2))


@settings(max_examples=3, deadline=None)
@given(PROGRAMS, sources())
def test_inductor_gives_what_eager_gives(program, source):
    arrays = [source.array((3, 3)), source.array((3, 3), offset=0.7)]
    fn = with_gradients(program)
    with gd.backend("torch"):
        results, *rest = fn(*(gd.variable(a) for a in arrays))
        again, *others = gd.compile(fn, mode="inductor")(*map(gd.tensor, arrays))
        for one, two in zip([*results, *rest], [*again, *others], strict=True):
            close(two, one, 1e-8)


def test_cuda_graphs_need_a_gpu():
    with pytest.raises(BackendError, match=r"(?s)needs a GPU.*device=\"cuda\""):
        gd.compile(gd.exp, mode="cudagraphs")(np.ones(2))


class Tape(TorchDispatchMode):
    """Notes each call of torch, to be made again on the same memory, as a CUDA graph is."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, result))
        return result

    def replay(self):
        for function, args, kwargs, result in self.calls:
            again = function(*args, **kwargs)
            pairs = (
                zip(result, again, strict=True) if isinstance(result, (tuple, list)) else [(result, again)]
            )
            for old, new in pairs:
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class FakeStream:
    def wait_stream(self, other):
        pass


@pytest.fixture
def fake_cuda(monkeypatch, backend):
    """CUDA graphs on the CPU: recording is a tape, replaying plays it."""
    import contextlib

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", lambda tape: tape)
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "current_stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(backend, "device", "cuda:0")


def test_a_recorded_step_equals_a_called_one(fake_cuda, backend):
    (one, _, recorded), (two, _, called) = trainer("mlp-64", "cudagraphs"), trainer("mlp-64", "aten")
    held = []
    for _ in range(3):
        loss = recorded(*batch())
        assert loss.item() == pytest.approx(called(*batch()).item(), rel=1e-5)
        held.append((loss, loss.item()))
    assert all(loss.item() == value for loss, value in held)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        close(p, q)


def test_several_shapes_are_recorded_side_by_side(fake_cuda):
    double = gd.compile(lambda x: gd.exp(x) * 2, mode="cudagraphs")
    for n in (2, 3, 2, 3):
        x = np.linspace(0, 1, n)
        np.testing.assert_allclose(double(x).numpy(), np.exp(x) * 2, rtol=1e-6)
    assert double.traces == 2


def test_settings_hold_for_a_whole_program(monkeypatch):
    with gd.backend("torch", deterministic=True) as made:
        seen = []

        def kernel(x):
            seen.append(torch.are_deterministic_algorithms_enabled())
            return x * 2

        monkeypatch.setitem(made.kernels, "exp", kernel)
        assert gd.compile(lambda x: gd.exp(x) + 1)(np.ones(2)).tolist() == [3, 3]
    assert seen[-1]
    assert not torch.are_deterministic_algorithms_enabled()
    assert get_backend("torch").options["deterministic"] is False


@pytest.mark.parametrize("mode", ["auto", "aten"])
def test_a_deterministic_backend_chooses_nothing_by_time(monkeypatch, mode):
    monkeypatch.setattr(lowering, "Choice", lambda *_: pytest.fail("times decide"))
    x, w = np.ones((2, 3, 8, 8)), np.ones((4, 3, 3, 3))
    with gd.backend("torch", deterministic=True):
        assert gd.compile(gd.conv2d, mode=mode)(x, w).shape == (2, 4, 6, 6)


def normed(x, w, norm):
    y = gd.relu(norm(gd.conv2d(x, w)))
    z = norm(gd.sin(x)) + gd.mean(x, (0, 2, 3), keepdims=True)
    return gd.sum(y * y) + gd.sum(z * gd.var(x))


@pytest.mark.parametrize("wanted", ["all", "parameters", "input", "value"])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_its_statistics_equal_eager(wanted, training):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3, 5, 5)), rng.normal(size=(3, 3, 1, 1))

    def outcome(compiled):
        norm = gd.layers.BatchNorm2d(3, dtype="float64").train(training)
        norm.weight.assign([0.5, 2.0, -1.0])

        def step(x, w):
            loss = normed(x, w, norm)
            by = {"all": [x, w, *norm.parameters()], "parameters": norm.parameters(), "input": [x]}
            back = loss.backward(wrt=by[wanted]) if wanted in by else {}
            return [loss, *(back[t] for t in by.get(wanted, ()))]

        run = gd.compile(step) if compiled else step
        for _ in range(3):
            results = run(*(gd.tensor(a) if compiled else gd.variable(a) for a in (x, w)))
        return [*results, *(cell for _, cell in norm.named_cells())], run

    (found, run), (expected, _) = outcome(True), outcome(False)
    for one, two in zip(found, expected, strict=True):
        close(one, two, 1e-8)
    if training and wanted == "all":
        assert run.source.count("batch_norm") == run.source.count("k_batch_norm") == 0  # joint calls all


class Traveller:
    """A host's tensor that notes how it is copied."""

    def __init__(self):
        self.calls = []

    def pin_memory(self):
        self.calls.append("pinned")
        return self

    def to(self, device, **options):
        self.calls.append((str(device), options))
        return self


def test_copies_to_cuda_are_pinned_and_do_not_wait():
    from graphdiff_torch.arrays import moved

    moved(cuda := Traveller(), torch.device("cuda", 0))
    moved(cpu := Traveller(), torch.device("cpu"))
    assert cuda.calls == ["pinned", ("cuda:0", {"non_blocking": True})]
    assert cpu.calls == [("cpu", {})]


def test_a_value_is_not_written_over_while_a_view_of_it_is_read():
    def fn(x):
        logs = gd.log(x * x + 2.0)
        return gd.sum(logs[0:1] + logs)

    with gd.backend("torch"):
        x = gd.tensor(np.arange(6.0).reshape(3, 2))
        np.testing.assert_array_equal(gd.compile(fn)(x).numpy(), fn(x).numpy())
