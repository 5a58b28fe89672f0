"""Checkpoints: the same values, gradients and state as without, at any order; less memory while they wait."""

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.errors import GradientError, ShapeError
from graphdiff.testing import check_gradients
from graphdiff.testing.strategies import sources


def block(x, w):
    return gd.tanh(gd.sin(x) @ w) * gd.exp(-gd.square(x)) + x


@given(sources(), st.integers(1, 3))
def test_values_and_derivatives_are_the_same(source, depth):
    x, w = source.array((2, 3)), source.array((3, 3))

    def net(x, w, step):
        for _ in range(depth):
            x = step(x, w)
        return gd.sum(gd.square(x))

    plain, kept = gd.value_and_grad(lambda x, w: net(x, w, block), (0, 1)), gd.checkpoint(block)
    found = gd.value_and_grad(lambda x, w: net(x, w, kept), (0, 1))(x, w)
    for one, two in zip(_flat(plain(x, w)), _flat(found), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)


def _flat(result):
    value, gradients = result
    return [value, *gradients]


def test_derivatives_to_third_order_and_forward():
    x, w = np.linspace(-1, 1, 6).reshape(2, 3), np.linspace(-0.5, 0.7, 9).reshape(3, 3)
    nested = gd.checkpoint(lambda x, w: gd.checkpoint(block)(gd.checkpoint(block)(x, w), w))
    check_gradients(lambda x, w: gd.sum(gd.sin(nested(x, w))), x, w, order=3, rtol=1e-4)
    tangents = [np.ones_like(x), np.ones_like(w)]
    for one, two in zip(
        gd.jvp(nested, [x, w], tangents),
        gd.jvp(lambda x, w: block(block(x, w), w), [x, w], tangents),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, rtol=1e-12)


def test_the_function_runs_once_forward_and_once_for_all_gradients():
    calls = []

    @gd.checkpoint
    def product(x, y, z):
        calls.append(1)
        return x * y * z

    x, y, z = gd.variables(x=2.0, y=3.0, z=5.0)
    out = product(x, y, z) * 1.0
    assert len(calls) == 1
    back = out.backward()
    assert [back[t].item() for t in (x, y, z)] == [15, 10, 6]
    assert len(calls) == 2
    assert out.backward(2.0)[x] == 30
    with gd.no_grad():
        assert product(x, y, z) == 30
    assert product(2.0, 3.0, 5.0) == 30


def test_what_is_closed_over_has_its_gradient_once():
    w = gd.Parameter([2.0], "float64")
    x = gd.variable([3.0])
    h = x * x  # x is an operand of its own and of h
    out = gd.sum(gd.checkpoint(lambda: w * h * x)())
    back = out.backward()
    assert back[x].tolist() == [2 * 3 * 9]
    assert back[w].tolist() == [27]
    w.assign([1.0])
    with pytest.raises(GradientError, match="new value"):
        out.backward()


def test_pytrees_numbers_and_what_needs_no_gradient_pass_through():
    x, y = gd.variables(x=2.0, y=3.0)

    @gd.checkpoint
    def several(tree, k, *, flag):
        a, b = tree["a"], tree["b"]
        return {"sum": a + b, "product": (a * b * k, flag), "same": a, "none": None, "sign": a > 0}

    out = several({"a": x, "b": y}, 10.0, flag="text")
    assert out["same"] is x
    assert out["product"][1] == "text"
    assert out["none"] is None
    assert bool(out["sign"])
    back = (out["sum"] * out["product"][0]).backward()
    assert back[x] == 3 * 10 * 5 + 60
    assert back[y] == 2 * 10 * 5 + 60


def test_operands_without_a_derivative_do_no_harm():
    x, mask = gd.variables(x=[1.0, -2.0], mask=[1.0, 0.0])
    out = gd.sum(gd.checkpoint(lambda x, m: gd.where(m > 0, gd.sin(x), 0.0))(x, mask))
    np.testing.assert_allclose(out.backward(wrt=[x])[x], [np.cos(1.0), 0])


def test_errors_are_those_of_the_function():
    with pytest.raises(ShapeError, match="do not broadcast"):
        gd.checkpoint(lambda x: x + gd.ones(3))(gd.variable(np.ones(2)))


# State


def network():
    gd.seed(2)
    layers = gd.layers
    parts = [
        layers.Sequential(
            layers.Conv2d(2, 2, 3, padding=1), layers.BatchNorm2d(2), layers.Dropout(0.4), layers.Tanh()
        )
        for _ in range(2)
    ]
    return layers.Sequential(*parts, layers.Flatten(), layers.Linear(32, 3))


def trained(checkpointed, compiled=False, backend="numpy"):
    with gd.backend(backend):
        model = network()
        optimizer = gd.optimizers.SGD(0.1, momentum=0.9)
        one, two = (gd.checkpoint(model[k]) if checkpointed else model[k] for k in range(2))

        def step(x, y):
            loss = gd.losses.softmax_cross_entropy(model[2:](two(one(x))), y)
            optimizer.step(model, loss.backward(wrt=model.parameters()))
            return loss

        rng, run = np.random.default_rng(0), gd.compile(step) if compiled else step
        data = [(rng.normal(size=(4, 2, 4, 4)).astype("float32"), rng.integers(0, 3, 4)) for _ in range(3)]
        return [run(*map(gd.tensor, batch)).item() for batch in data], model.state_dict()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_training_with_statistics_and_dropout_is_the_same(compiled, backend):
    losses, state = trained(False)
    again, other = trained(True, compiled, backend)
    exact = backend == "numpy"
    np.testing.assert_allclose(losses, again, rtol=0 if exact else 1e-5)
    for name, value in state.items():
        np.testing.assert_allclose(
            other[name], value, rtol=0 if exact else 1e-4, atol=0 if exact else 1e-6, err_msg=name
        )
    assert state["0.1.num_batches_tracked"] == state["1.2.stream.count"] == 3


def test_state_inside_nested_checkpoints_is_written_once_and_read_as_it_was():
    counter, x = gd.Cell(0.0), gd.variable(3.0)

    def count(x):
        counter.assign(counter + 1)
        return x * counter * counter.item()

    nested = gd.checkpoint(lambda x: count(gd.checkpoint(count)(count(x))))
    out = nested(x)
    assert counter.item() == 3
    counter.assign(10.0)
    assert out.item() == 3 * 1 * 4 * 9
    assert out.backward()[x] == 36
    assert counter.item() == 10


# Memory


def chain(step, depth):
    def loss(x):
        for _ in range(depth):
            x = step(x)
        return gd.sum(x)

    return loss


def wave(x):
    for _ in range(8):
        x = gd.sin(x) * gd.cos(x) + 1.0
    return x


N = 20_000


def test_what_waits_for_the_backward_pass_is_a_block_not_its_insides():
    def waiting(step):
        x = gd.variable(np.ones(N))
        gc.collect()
        tracemalloc.start()
        out = chain(step, 8)(x)
        held, _ = tracemalloc.get_traced_memory()
        with gd.no_grad():
            out.backward(wrt=[x])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held / (8 * N), peak / (8 * N)

    held, peak = waiting(gd.checkpoint(wave))
    all_held, whole_peak = waiting(wave)
    assert held < 8 + 2  # the results of eight blocks
    assert all_held > 8 * 8 * 3
    assert peak < whole_peak / 2


def test_a_compiled_chain_needs_a_fraction_of_the_memory():
    def peak(step):
        run = gd.compile(gd.value_and_grad(chain(step, 8)))
        x = np.ones(N)
        tracemalloc.start()
        run(x)
        run(x)  # from here on with the buffers that are planned
        gc.collect()
        tracemalloc.reset_peak()
        value = run(x)
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return value, top / (8 * N)

    (value, gradient), whole = peak(wave)
    (again, found), less = peak(gd.checkpoint(wave))
    assert value == again
    np.testing.assert_array_equal(gradient, found)
    assert less < whole / 2


def test_the_second_computation_is_not_merged_with_the_first():
    run = gd.compile(gd.grad(chain(gd.checkpoint(wave), 2)))
    run(np.ones(3))
    nodes = [n for n in run.graph if n.primitive and n.primitive.name == "sin"]
    assert {n.again > 0 for n in nodes} == {True, False}
    assert "checkpoint" not in {n.primitive.name for n in run.graph if n.primitive}
