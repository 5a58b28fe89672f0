"""Backward passes over arrays, and the records they hand out: equal to the recorded sweep to the last bit."""

import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
import test_autodiff
from hypothesis import given

import graphdiff as gd
from graphdiff.autodiff import backward, repetition
from graphdiff.backend import Joint, get_backend
from graphdiff.errors import BackendError, GradientError, OutOfMemoryError
from graphdiff.testing.strategies import sources

OPERATIONS = test_autodiff.GRAPHDIFF | {
    "broadcast": lambda a: a * gd.sum(a, 1, keepdims=True),
    "mask": lambda a: gd.where(a > 0, a, a * 0.1),
    "softmax": gd.softmax,
    "stop": lambda a: gd.stop_gradient(a) * a,
}


def same_bits(one, other):
    one, other = np.asarray(one), np.asarray(other)
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    assert one.tobytes() == other.tobytes()


@pytest.fixture
def recorded_sweeps(monkeypatch):
    """How often a graph of a backward pass is recorded."""
    calls = []
    again = repetition.swept_again
    monkeypatch.setattr(repetition, "swept_again", lambda request: calls.append(1) or again(request))
    return calls


@given(test_autodiff.programs(), sources())
def test_gradients_and_records_of_random_programs_are_those_of_the_sweep(program, source):
    x, y = (gd.variable(source.array((2, 2), offset=k), name=n) for n, k in (("x", 0.0), ("y", 0.7)))
    steps = [(name, i, j) for name, i, j in program]
    out = test_autodiff.run(OPERATIONS, gd.tanh, steps, [x, y])
    direct = backward(out)
    for _ in range(3):  # by the rules, and twice by generated code
        record = out.backward()
        for t in direct.wanted:
            same_bits(t.grad, direct[t])
            same_bits(record.gradient(t), direct[t])
    assert [t.id for t in record.wanted] == [t.id for t in direct.wanted]
    edges = [(node.id, k) for node, k in direct.edges()]
    assert [(node.id, k) for node, k in record.edges()] == edges
    for id, k in edges:
        same_bits(record.contribution(id, k), direct.contribution(id, k))
        same_bits(record.passed(id, k), direct.passed(id, k))
        same_bits(record[id], direct[id])
    assert str(record.graph).count("\n") == str(direct.graph).count("\n")


@given(sources())
@pytest.mark.parametrize("name", ["broadcast", "mask", "softmax", "stop"])
def test_broadcasting_masks_composites_and_zeros(name, source):
    x = gd.variable(source.array((3, 2)))
    out = gd.sum(OPERATIONS[name](x) * source.array((3, 2), offset=0.3))
    for _ in range(3):
        out.backward()
        same_bits(x.grad, backward(out)[x])
        out.backward(wrt=x)
        same_bits(x.grad, backward(out)[x])


@given(sources())
def test_second_derivatives_pass_through_a_record(source):
    x = gd.variable(source.array((3,)))
    out = gd.sum(gd.exp(x) * x * gd.sin(x))
    second = gd.sum(out.backward()[x]).backward()[x]
    np.testing.assert_array_equal(second, gd.sum(backward(out)[x]).backward()[x])
    np.testing.assert_allclose(second, gd.hvp(lambda v: gd.sum(gd.exp(v) * v * gd.sin(v)), [x], [np.ones(3)]))


def test_the_graph_is_recorded_when_it_is_asked_for_and_once(recorded_sweeps):
    x, y = gd.variables(x=2.0, y=3.0)
    record = (x * y).backward()
    assert x in record
    assert record.gradient(x) == 3
    assert not record.gradient(x).recorded
    assert "∂" in repr(record)
    assert recorded_sweeps == []
    assert record[x].recorded
    assert len(record.graph) > 3
    assert recorded_sweeps == [1]


def test_an_optimizers_step_records_no_backward_graph(recorded_sweeps):
    model, optimizer = gd.layers.Linear(3, 2), gd.optimizers.SGD(0.1, momentum=0.9)
    for _ in range(3):
        optimizer.step(model, gd.sum(model(np.ones((4, 3), "float32"))).backward())
    assert recorded_sweeps == []


def test_a_record_is_that_of_the_values_at_the_backward_pass():
    w, c = gd.Parameter([1.0, 2.0], "float64", name="w"), gd.Cell([3.0, 4.0], name="c")
    x = gd.variable([5.0, 6.0])
    out = gd.sum(w * w * c * x)
    direct, record = backward(out), out.backward()
    w.assign([10.0, 20.0])
    c.assign([30.0, 40.0])
    for t in (w, x):
        same_bits(record[t], direct[t])
    for node, k in direct.edges():
        same_bits(record.contribution(node, k), direct.contribution(node, k))
    assert len(record.graph) == len(direct.graph)
    with pytest.raises(GradientError, match=r"was given a new value(.|\n)*test_backward_arrays.py"):
        out.backward()
    with pytest.raises(GradientError, match="was given a new value"):
        record.local(record.edges()[-1][0], 0)


def test_a_value_overwritten_in_place_is_missed():
    w = gd.Parameter([1.0, 2.0], "float64", name="w")
    record = gd.sum(w * w).backward()
    w.data[:] = 7
    w.assign(w)
    with pytest.raises(GradientError, match="overwritten in place"):
        record.graph  # noqa: B018
    assert record.gradient(w).tolist() == [2, 4]


def test_a_record_is_made_in_the_context_of_its_pass():
    x = gd.variable(2.0)
    with gd.no_grad():
        bare = (y := gd.multiply)(x, x)
    assert not bare.recorded
    out = y(x, x)
    with gd.no_grad():
        inside = out.backward()
    outside = out.backward()
    assert not inside[x].recorded
    with gd.no_grad():
        assert outside[x].recorded


def test_a_replaced_kernel_is_heeded():
    double = gd.Primitive("double", spec=lambda x: x, vjp=(lambda g, out, x: double(g),), elementwise=True)
    kernels = gd.get_backend("numpy").kernels
    try:
        kernels["double"] = lambda x: x * 2
        x = gd.variable([1.0])
        for _ in range(3):
            double(x).backward([1.0])
        assert x.grad == 2
        kernels["double"] = lambda x: x * 5
        for _ in range(3):
            double(x).backward([1.0])
            assert x.grad == 5
    finally:
        del kernels["double"]


def test_a_rule_that_needs_values_works_as_ever():
    clever = gd.Composite(
        "clever", lambda x: x * 1.0, vjp=(lambda g, out, x: g * float(x.item()),), elementwise=True
    )
    for value in (2.0, 3.0, 4.0, 5.0):
        x = gd.variable(value)
        clever(x).backward()
        assert x.grad == value


def test_a_rule_that_reads_a_cell_reads_its_present_value():
    cell = gd.Cell(1.0)
    scaled = gd.Composite("scaled", lambda x: x * 1.0, vjp=(lambda g, out, x: g * cell,), elementwise=True)
    for value in (2.0, 3.0, 4.0, 5.0):
        cell.assign(value)
        x = gd.variable(1.0)
        scaled(x).backward()
        assert x.grad == value


def test_equal_parameters_of_other_kinds_are_not_confused():
    x = gd.variable([-1.0, 1.0])
    for low, sign in ((0.0, False), (-0.0, True), (0.0, False)):
        y = gd.clip(x, low, 2.0)
        assert np.signbit(y.params["low"]) == sign


def test_threads_share_a_record():
    x = gd.variable(np.ones(4))
    record = gd.sum(gd.exp(x) * x).backward()
    found, start = [], threading.Barrier(4)

    def work():
        start.wait()
        found.append(record[x])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4
    assert len({id(t) for t in found}) == 1


def test_a_gradient_travels_without_its_history():
    x = gd.variable([1.0, 2.0])
    record = gd.sum(x * x).backward()
    for gradient in (record.gradient(x), record[x]):
        assert pickle.loads(pickle.dumps(gradient)).tolist() == [2, 4]


def test_a_user_primitive_dies_with_its_graph():
    kernels = gd.get_backend("numpy").kernels
    kernels["shift"] = lambda x: x + 1
    gc.collect()
    gc.disable()
    try:
        shift = gd.Primitive("shift", spec=lambda x: x, vjp=(lambda g, out, x: g,), elementwise=True)
        x = gd.variable(1.0)
        for _ in range(3):
            record = shift(x).backward()
        assert record[x] == 1
        left = weakref.ref(shift)
        del shift, record
        assert left() is None
    finally:
        gc.enable()
        del kernels["shift"]


def test_value_and_grad_gives_history_only_where_something_outside_took_part():
    w = gd.variable(2.0)
    fn = gd.value_and_grad(lambda x: x * x * 3.0)
    value, gradient = fn(4.0)
    assert (value.item(), gradient.item()) == (48, 24)
    assert not value.recorded
    assert not gradient.recorded
    value, gradient = gd.value_and_grad(lambda x: x * gd.where(w > 0, x, 0.0))(4.0)
    assert gradient.recorded
    assert gd.grad(lambda x, y: x * 1.0, (0, 1))(1.0, np.ones(2))[1].tolist() == [0, 0]


@pytest.mark.parametrize("wanted", ["xw", "wx", "x", "w"])
def test_one_joint_kernel_computes_all_edges_of_a_node_where_all_are_wanted(monkeypatch, wanted):
    numpy = get_backend("numpy")
    calls = []

    def together(g, w, x, input_shape, weight_shape, **params):
        calls.append(1)
        one = numpy.kernels["conv2d_input_grad"](g, w, input_shape=input_shape, **params)
        return one, numpy.kernels["conv2d_weight_grad"](x, g, weight_shape=weight_shape, **params)

    joint = Joint({"conv2d_input_grad": "gw", "conv2d_weight_grad": "xg"}, together)
    monkeypatch.setattr(numpy, "_joints", (joint,))
    plain = numpy.kernels["conv2d"]
    monkeypatch.setitem(numpy.kernels, "conv2d", lambda *a, **k: plain(*a, **k))  # no visit is known yet
    rng = np.random.default_rng(0)
    leaves = {
        "x": gd.variable(rng.normal(size=(2, 2, 5, 5))),
        "w": gd.variable(rng.normal(size=(3, 2, 3, 3))),
    }
    asked = [leaves[name] for name in wanted]
    loss = gd.sum(gd.conv2d(leaves["x"], leaves["w"], padding=1) ** 2)
    direct = backward(loss, wrt=asked)
    for k in range(3):
        record = loss.backward(wrt=asked)
        assert len(calls) == (k if len(wanted) == 2 else 0)  # the first visit is made by the rules
        for t in asked:
            same_bits(record.value(t), direct[t])


@pytest.mark.parametrize(
    ("raised", "expected"), [(MemoryError, OutOfMemoryError), (RuntimeError, BackendError)]
)
def test_what_a_kernel_raises_in_the_backward_pass_is_told_as_in_the_forward_pass(
    monkeypatch, raised, expected
):
    def failing(*_, **__):
        raise raised("no room")

    loss = gd.sum(gd.tanh(gd.variable([0.5, 1.0])))
    value_and_grad = gd.value_and_grad(lambda x: gd.sum(gd.tanh(x)))
    value_and_grad(np.ones(2))
    monkeypatch.setitem(get_backend("numpy").kernels, "multiply", failing)
    for run in (loss.backward, lambda: value_and_grad(np.ones(2))):
        with pytest.raises(expected, match="no room"):
            run()
