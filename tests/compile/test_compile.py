"""Compiled functions: equal to eager to the last bit, state threaded through, traced when they must be."""

import logging
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.cell import Cell
from graphdiff.errors import ArgumentError, TracingError
from graphdiff.testing.strategies import sources


def same_bits(one, two):
    assert one.dtype == two.dtype
    assert one.shape == two.shape
    assert one.numpy().tobytes() == two.numpy().tobytes()


STEPS = {
    "sin": (1, gd.sin),
    "relu": (1, gd.relu),
    "sigmoid": (1, gd.sigmoid),
    "softmax": (1, gd.softmax),
    "logsumexp": (1, lambda a: a + gd.logsumexp(a, 0, keepdims=True)),
    "std": (1, lambda a: a * gd.std(a + gd.arange(9.0).reshape(3, 3))),
    "transpose": (1, lambda a: a.T),
    "transposed twice": (1, lambda a: a.T.T),
    "flip": (1, lambda a: a[::-1]),
    "row": (1, lambda a: a[1]),
    "take": (1, lambda a: gd.take(a, [2, 0, 1], 0)),
    "times one": (1, lambda a: a * 1.0),
    "prod": (1, lambda a: a + gd.prod(a)),
    "cumsum": (1, lambda a: gd.cumsum(a, 0)),
    "stop": (1, gd.stop_gradient),
    "clip": (1, lambda a: gd.clip(a, -0.5, 0.5)),
    "add": (2, gd.add),
    "multiply": (2, gd.multiply),
    "divide": (2, lambda a, b: a / (b * b + 1)),
    "maximum": (2, gd.maximum),
    "matmul": (2, gd.matmul),
    "where": (2, lambda a, b: gd.where(a > b, a, 0.0)),
    "concatenate": (2, lambda a, b: gd.sum(gd.concatenate([a, b], 0)) + a),
}
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=10
)


def run(program, *inputs):
    values = list(inputs)
    for name, i, j in program:
        count, step = STEPS[name]
        operands = [values[i % len(values)], values[j % len(values)]][:count]
        values.append(gd.broadcast_to(gd.tanh(step(*operands)), (3, 3)))
    return values[len(inputs) :]


@given(PROGRAMS, sources(), st.sampled_from(["float32", "float64"]))
def test_random_programs_and_their_gradients_equal_eager_to_the_last_bit(program, source, dtype):
    arrays = [source.array((3, 3)).astype(dtype), source.array((3, 3), offset=0.7).astype(dtype)]

    def fn(x, y):
        results = run(program, x, y)
        loss = sum(gd.sum(r) for r in results) + gd.sum(x) * 0.0 + gd.sum(y) * 0.0
        back = loss.backward(wrt=[x, y])
        return results, loss, back[x], back[y]

    eager = fn(*(gd.variable(a) for a in arrays))
    compiled = gd.compile(fn)
    for _ in range(2):  # again, with the buffers of the first call
        results, *rest = compiled(*arrays)
        for one, two in zip([*results, *rest], [*eager[0], *eager[1:]], strict=True):
            same_bits(one, two)


def test_results_handed_out_are_never_overwritten():
    double = gd.compile(lambda x: ((x + 1) * 2, (x + 1).T, x.reshape(-1)))
    first = double(np.ones((2, 3)))
    copies = [np.array(t) for t in first]
    double(np.zeros((2, 3)))
    for t, copy in zip(first, copies, strict=True):
        np.testing.assert_array_equal(t, copy)


def training(compiled):
    gd.seed(0)
    layers = gd.layers
    model = layers.Sequential(layers.Linear(8, 16), layers.ReLU(), layers.Linear(16, 4))
    optimizer = gd.optimizers.SGD(0.1, momentum=0.9)

    def step(x, y):
        scores = model(x)
        loss = gd.losses.softmax_cross_entropy(scores, y) + gd.losses.l2(model, 1e-3)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    return model, optimizer, gd.compile(step) if compiled else step


def batch(seed=0, n=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 8)).astype("float32"), rng.integers(0, 4, n)


def test_a_whole_training_step_is_one_graph_and_equals_eager():
    (one, _, eager), (two, _, compiled) = training(False), training(True)
    for k in range(5):
        same_bits(eager(*batch(k)), compiled(*batch(k)))
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        same_bits(p, q)
    assert compiled.traces == 1
    assert {node.role for node in compiled.graph} >= {"forward", "backward", "update", "parameter"}
    assert "matmul" in compiled.source


def test_the_learning_rate_is_an_input():
    (one, slow, eager), (two, fast, compiled) = training(False), training(True)
    for k in range(4):
        if k == 2:
            slow.lr = fast.lr = 0.01
        same_bits(eager(*batch(k)), compiled(*batch(k)))
    assert compiled.traces == 1
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        same_bits(p, q)


def test_parameters_loaded_between_calls_are_seen():
    model, _, compiled = training(True)
    compiled(*batch())
    state = {name: np.zeros_like(value) for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert compiled(*batch()).item() == pytest.approx(np.log(4))


def test_a_cell_read_after_it_was_written_has_the_new_value():
    counter = Cell(0.0)

    @gd.compile
    def count(x):
        counter.assign(counter + x)
        return counter * 10

    assert [count(gd.tensor(2.0)).item() for _ in range(3)] == [20, 40, 60]
    assert counter.item() == 6
    with pytest.raises(TracingError):
        gd.compile(lambda x: x * counter.item())(gd.tensor(1.0))


def test_another_shape_dtype_structure_or_number_is_traced_again(caplog):
    fn = gd.compile(lambda tree, k: tree["a"] * k)
    with caplog.at_level(logging.INFO, "graphdiff.compile"):
        for value, k in (
            (np.ones(2), 2),
            (np.zeros(2), 2),
            (np.ones(3), 2),
            (np.ones(3, "float32"), 2),
            (np.ones(3), 5),
        ):
            fn({"a": value}, k)
        fn({"a": np.ones(3), "b": np.ones(1)}, 5)
    assert fn.traces == 5
    reasons = [record.getMessage() for record in caplog.records]
    assert "first call" in reasons[0]
    assert "float64[2] became float64[3]" in reasons[1]
    assert "float64[3] became float32[3]" in reasons[2] or "float64[2] became float32[3]" in reasons[2]
    assert "2) became" in reasons[3]
    assert "another structure" in reasons[4]


def test_python_that_needs_a_value_is_caught():
    with pytest.raises(TracingError, match=r"bool\(\) needs the value"):
        gd.compile(lambda x: x if x > 0 else -x)(np.float64(1.0))


def test_errors_of_kernels_name_the_operation_and_the_line():
    fn = gd.compile(lambda y: gd.one_hot(y, 3) * 2)
    fn(np.array([0, 1]))
    with pytest.raises(ArgumentError) as caught:
        fn(np.array([0, 7]))
    assert "one_hot: label 7 is outside" in str(caught.value)
    assert "test_compile.py" in str(caught.value)


def test_results_that_are_no_tensors_and_unused_arguments():
    fn = gd.compile(lambda x, y, flag: {"sum": gd.sum(x), "flag": flag, "none": None, "same": x})
    out = fn(np.ones(2), np.ones(3), True)
    assert out["sum"] == 2
    assert out["flag"] is True
    assert out["none"] is None
    assert out["same"].tolist() == [1, 1]


def test_there_is_no_graph_before_the_first_call():
    with pytest.raises(ArgumentError, match="call it once"):
        gd.compile(lambda x: x).graph  # noqa: B018


def test_a_thousand_steps_hold_no_more_memory_than_ten():
    _, _, compiled = training(True)
    x, y = batch()
    for _ in range(10):
        compiled(x, y)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(1000):
            compiled(x, y)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000  # a second set of parameters alone would be 1 kB × steps


def test_make_graph_gives_the_graph_of_a_function():
    graph = gd.make_graph(
        lambda x, w: gd.relu(x @ w), gd.TensorSpec((2, 3), "float32"), np.ones((3, 4), "float32")
    )
    assert [node.primitive.name for node in graph if node.primitive] == ["matmul", "relu"]
    assert graph[graph.outputs[0]].spec is gd.TensorSpec((2, 4), "float32")


def test_a_changed_mode_is_traced_again_and_remembered():
    norm = gd.layers.BatchNorm2d(2)
    run = gd.compile(lambda x: norm(x))
    x = np.random.default_rng(0).normal(size=(4, 2, 3, 3)).astype("float32")
    for k, mode in enumerate([True, False, True, False]):
        norm.train(mode)
        reference = gd.layers.BatchNorm2d(2)
        reference.load_state_dict(norm.state_dict())
        same_bits(run(x), reference.train(mode)(x))
        assert run.traces == min(k + 1, 2)


def test_an_einsum_that_is_a_view_keeps_its_buffer():
    turn = gd.compile(lambda x: gd.einsum("ij->ji", gd.exp(x)))
    first = turn(np.zeros((2, 2)))
    turn(np.ones((2, 2)))
    assert first.tolist() == [[1, 1], [1, 1]]

    def mixed(x):
        a = gd.exp(x)
        b = gd.einsum("ij->ji", a)
        return gd.sum(b + 0.0) + gd.sum(gd.sin(x)) + gd.sum(gd.cos(x) + 1)

    x = np.arange(9.0).reshape(3, 3)
    same_bits(gd.compile(mixed)(x), mixed(gd.tensor(x)))


def test_threads_may_share_a_compiled_function():
    work = gd.compile(lambda x: gd.sum(gd.exp(gd.sin(x) * 2) - x, 1))
    inputs = [np.full((300, 300), k / 7) for k in range(4)]
    expected = [np.array(work(x)) for x in inputs]
    wrong = []

    def run(k):
        for _ in range(20):
            if not np.array_equal(work(inputs[k]).numpy(), expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_derivatives_pass_through_a_compiled_function():
    square = gd.compile(lambda x: x * x)
    assert gd.grad(square)(3.0) == 6
    x = gd.variable(3.0)
    assert (x + square(x)).backward()[x] == 7


def test_a_compiled_function_inside_another_is_part_of_it():
    counter = Cell(0.0)
    inner = gd.compile(lambda: counter.assign(counter + 1))

    @gd.compile
    def outer(x):
        inner()
        return x * counter

    assert [outer(np.ones(())).item() for _ in range(3)] == [1, 2, 3]


def test_no_grad_means_the_same_traced_as_eagerly():
    def fn(x):
        with gd.no_grad():
            k = x * x
        return k * x

    x = gd.variable(2.0)
    assert fn(x).backward()[x] == 4
    assert gd.compile(lambda x: fn(x).backward(wrt=[x])[x])(gd.tensor(2.0)) == 4


def test_cells_are_read_when_called_not_when_traced():
    one, two = Cell(0.0), Cell(1.0)
    copy = gd.compile(lambda: one.assign(two))
    copy()
    two.assign(7.0)
    copy()
    assert one.item() == 7
    gradient = gd.compile(lambda: gd.grad(lambda v: v * v)(two))
    assert gradient() == 14
    two.assign(5.0)
    assert gradient() == 10
    snapshot = gd.compile(lambda: gd.tensor(two) * 1.0)
    assert snapshot() == 5
    two.assign(6.0)
    assert snapshot() == 6


def test_gradients_of_parameters_are_read_from_the_record_while_tracing():
    p = gd.Parameter([1.0])
    with pytest.raises(TracingError, match=r"use backward\(\)\[parameter\]"):
        gd.compile(lambda x: (gd.sum(p * x).backward(), p.grad)[1])(np.ones(1, "float32"))
    with pytest.raises(TracingError, match="record"):
        gd.compile(lambda x: gd.sum(x * p).backward())(np.ones(1, "float32"))


def test_a_cell_does_not_share_memory_with_an_argument():
    cell = Cell(np.zeros(2))
    given = np.ones(2)
    gd.compile(lambda x: cell.assign(x))(given)
    given[:] = 9
    assert cell.tolist() == [1, 1]


def test_zero_minus_zero_and_nan_are_plain_arguments_of_their_own():
    reciprocal = gd.compile(lambda x, s: x / s)
    assert reciprocal(np.ones(()), 0.0) == np.inf
    assert reciprocal(np.ones(()), -0.0) == -np.inf
    before = reciprocal.traces
    for _ in range(3):
        reciprocal(np.ones(()), float("nan"))
    assert reciprocal.traces == before + 1


def test_methods_can_be_compiled():
    class Doubler:
        factor = 2.0

        @gd.compile
        def run(self, x):
            return x * self.factor

    assert Doubler().run(np.ones(2)).tolist() == [2, 2]


def test_a_replaced_kernel_is_heeded():
    backend = gd.tensor(0.0).backend
    built_in = backend.kernels["exp"]
    backend.kernels["exp"] = lambda x: x - 1
    try:
        assert gd.compile(lambda x: gd.exp(x) * 1.0)(np.ones(2)).tolist() == [0, 0]
    finally:
        backend.kernels["exp"] = built_in


def test_a_compiled_function_names_its_tensors_in_a_trace():
    seen = []
    p = gd.Parameter([1.0], name="w")
    gd.compile(lambda x: (seen.append(repr(p)), x)[1])(np.ones(1))
    assert seen == ["Tensor([1.], float32, name='w')"]


def test_sums_over_transposed_values_keep_their_order():
    x = np.random.default_rng(0).normal(size=(333, 257))
    for fn in (
        lambda x: gd.sum(gd.exp(gd.transpose(x)), 0) * 2,
        lambda x: gd.sum(gd.exp(gd.transpose(x)) + 1, 1),
        lambda x: gd.sum(gd.relu(gd.transpose(gd.reshape(x, (3, 111, 257)), (2, 0, 1))) * 2, (0, 2)),
    ):
        compiled, eager = gd.compile(fn), fn(gd.tensor(x))
        for _ in range(3):
            same_bits(compiled(x), eager)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@given(
    name=st.one_of(st.text(min_size=1), st.sampled_from(["a\n    owned()", "a\r    owned()", "\0", "\ud800"]))
)
def test_a_name_is_never_code(backend, name):
    """Not in the program that a graph becomes, where scopes stand beside its lines."""

    def fn(x):
        with gd.scope(name):
            return (gd.tanh(x.named(name)) * 2).named(name)

    with gd.backend(backend):
        x = gd.tensor([1.0, 2.0])
        np.testing.assert_allclose(gd.compile(fn)(x).numpy(), fn(x).numpy(), rtol=1e-6)


def test_a_cell_is_an_argument_too():
    cell = Cell([1.0, 2.0])

    @gd.compile
    def product(c, x):
        c.assign(c + x)
        return c * x

    x = gd.tensor([2.0, 2.0])
    assert [product(cell, x).tolist() for _ in range(2)] == [[6.0, 8.0], [10.0, 12.0]]
    assert cell.tolist() == [5.0, 6.0]
    assert gd.compile(lambda c: c * 2)(cell).tolist() == [10.0, 12.0]
