"""Derivatives: the sweep, what is computed, higher orders, functions of functions, random programs."""

import gc
import threading
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.errors import ArgumentError, DTypeError, GradientError, ShapeError
from graphdiff.testing import check_gradients
from graphdiff.testing.strategies import sources

# Random programs against torch


def programs():
    """A list of steps: (operation, operand indices); operands are earlier values."""
    unary = st.sampled_from(["sin", "tanh", "exp_small", "square", "neg", "sum", "transpose"])
    binary = st.sampled_from(["add", "mul", "sub", "matmul", "maximum"])
    step = st.tuples(st.one_of(unary, binary), st.integers(0, 30), st.integers(0, 30))
    return st.lists(step, min_size=1, max_size=12)


GRAPHDIFF = {
    "sin": gd.sin,
    "tanh": gd.tanh,
    "exp_small": lambda a: gd.exp(a * 0.1),
    "square": gd.square,
    "neg": gd.negative,
    "sum": lambda a: a + gd.sum(a, 0, keepdims=True),
    "transpose": lambda a: a.T,
    "add": gd.add,
    "mul": gd.multiply,
    "sub": gd.subtract,
    "matmul": gd.matmul,
    "maximum": gd.maximum,
}
TORCH = {
    "sin": torch.sin,
    "tanh": torch.tanh,
    "exp_small": lambda a: torch.exp(a * 0.1),
    "square": torch.square,
    "neg": torch.neg,
    "sum": lambda a: a + torch.sum(a, 0, keepdim=True),
    "transpose": lambda a: a.T,
    "add": torch.add,
    "mul": torch.mul,
    "sub": torch.sub,
    "matmul": torch.matmul,
    "maximum": torch.maximum,
}


def run(table, squash, program, leaves):
    values = list(leaves)
    for name, i, j in program:
        operands = [values[i % len(values)]]
        if name in ("add", "mul", "sub", "matmul", "maximum"):
            operands.append(values[j % len(values)])
        values.append(squash(table[name](*operands)))
    return sum(v.sum() for v in values[1:]) + values[0].sum() * 0


@given(programs(), sources())
def test_random_programs_have_torchs_gradients_of_two_orders(program, source):
    arrays = [source.array((2, 2)), source.array((2, 2), offset=0.7)]
    torches = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = run(TORCH, torch.tanh, program, torches)
    first = torch.autograd.grad(
        expected, torches, create_graph=True, allow_unused=True, materialize_grads=True
    )
    total = sum((g * g).sum() for g in first)
    second = [torch.zeros_like(t) for t in torches]
    if total.requires_grad:
        second = torch.autograd.grad(total, torches, allow_unused=True, materialize_grads=True)

    def fn(*xs):
        return run(GRAPHDIFF, gd.tanh, program, xs)

    def squared_gradients(*xs):
        return sum(gd.sum(g * g) for g in gd.grad(fn, (0, 1))(*xs))

    np.testing.assert_allclose(fn(*map(gd.tensor, arrays)), expected.item(), rtol=1e-12)
    for ours, theirs in zip(gd.grad(fn, (0, 1))(*arrays), first, strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-9, atol=1e-12)
    for ours, theirs in zip(gd.grad(squared_gradients, (0, 1))(*arrays), second, strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-8, atol=1e-10)


# The sweep


def test_only_what_is_wanted_is_computed():
    x, w = gd.variable(np.ones((2, 3)), name="x"), gd.variable(np.ones((3, 4)), name="w")
    (x @ w).sum().backward(wrt=[w])
    assert x.grad is None
    record = (x @ w).sum().backward(wrt=[w])
    backward_ops = [n.primitive.name for n in record.graph if n.role == "backward" and n.primitive]
    assert backward_ops.count("matmul") == 1
    with pytest.raises(GradientError, match="x was not needed"):
        record[x]
    assert x not in record
    assert w in record


def test_grad_is_replaced_each_time():
    x = gd.variable(2.0)
    for _ in range(3):
        (x * x).backward()
        assert x.grad == 4
    assert isinstance(x.grad, (np.ndarray, np.generic))


def test_an_upstream_gradient_is_needed_and_must_fit():
    x = gd.variable([1.0, 2.0], name="x")
    y = x * x
    with pytest.raises(GradientError, match="a gradient starts from one number"):
        y.backward()
    with pytest.raises(ShapeError, match="upstream gradient"):
        y.backward([1.0, 2.0, 3.0])
    y.backward([1.0, 10.0])
    assert x.grad.tolist() == [2, 40]


def test_backward_nodes_know_their_forward_node():
    x = gd.variable(3.0, name="x")
    with gd.scope("block"):
        y = gd.sin(x).named("y")
    back = y.backward()
    cosine = next(n for n in back.graph if n.primitive and n.primitive.name == "cos")
    assert cosine.role == "backward"
    assert cosine.origin == y.id
    assert cosine.scope == "block"
    assert cosine.source == back.forward_graph["y"].source


def test_contributions_meet_in_one_accumulate_node():
    x = gd.variable(3.0, name="x")
    back = (gd.sin(x) + gd.cos(x) + x).backward()
    meeting = [n for n in back.graph if n.primitive and n.primitive.name == "accumulate"]
    assert len(meeting) == 1
    assert len(meeting[0].inputs) == 3
    assert meeting[0].origin == x.id


@given(sources())
def test_local_times_upstream_is_the_contribution_on_every_edge(source):
    one, two = source.broadcastable(2)
    x, y = gd.variable(source.array(one), name="x"), gd.variable(source.array(two, offset=0.7), name="y")
    z = gd.tanh(x * y) + gd.maximum(x, y)
    f = gd.sum(gd.cumsum(z) * 2) + gd.logsumexp(gd.concatenate([z.flatten(), gd.ones(1)]))
    back = f.backward()
    assert back.edges()
    for node, k in back.edges():
        local, upstream = back.local(node, k), back.upstream(node)
        elementwise = node.primitive.elementwise
        product = local * upstream if elementwise else gd.tensordot(upstream, local, node.ndim)
        np.testing.assert_allclose(product, back.contribution(node, k), rtol=1e-12, atol=1e-14)


def test_contributions_sum_to_the_gradient():
    x = gd.variable([1.0, 2.0], name="x")
    back = gd.sum(gd.sin(x) * x * gd.ones((3, 2))).backward()
    parts = [back.passed(node, k) for node, k in back.edges() if node.inputs[k] is x]
    np.testing.assert_allclose(sum(p.numpy() for p in parts), back[x])


def test_a_large_jacobian_is_answered_with_its_formula():
    w = gd.variable(np.ones((100, 100)), name="w")
    back = gd.sum(w @ w).backward()
    node = next(n for n, _ in back.edges() if n.primitive.name == "matmul")
    with pytest.raises(GradientError, match="∇·Yᵀ"):
        back.local(node, 0)


def test_what_took_no_part_is_refused_by_name():
    x, other = gd.variables(x=1.0, other=1.0)
    back = (x * 2).backward()
    with pytest.raises(ArgumentError, match="other took no part"):
        back[other]
    with pytest.raises(ArgumentError, match="named are: x"):
        back["q"]
    with pytest.raises(GradientError, match="operand 1"):
        back.local(back.output, 1)


def test_what_was_asked_for_and_not_used_has_gradient_zero():
    x, other = gd.variable(1.0), gd.variable(np.ones(3))
    assert (x * 2).backward(wrt=[x, other])[other].tolist() == [0, 0, 0]


@pytest.mark.parametrize("fn", [gd.floor, gd.ceil, gd.round, lambda x: gd.cast(x > 0, "float64")])
def test_a_gradient_through_nodes_without_derivative_is_an_error(fn):
    x = gd.variable(1.5, name="x")
    with pytest.raises(GradientError, match=r"no path with a derivative leads from .* to x; without"):
        fn(x).backward()
    with pytest.raises(GradientError, match="without a derivative"):
        gd.grad(fn)(1.5)


def test_a_second_path_with_a_derivative_is_enough():
    assert gd.grad(lambda x: x * gd.floor(x))(2.5) == 2


def test_stop_gradient_is_zero_not_an_error():
    assert gd.grad(lambda x: gd.stop_gradient(x))(2.0) == 0
    assert gd.grad(lambda x: x * gd.stop_gradient(x))(3.0) == 3


def test_a_second_derivative_through_masks_is_zero():
    assert gd.hessian(lambda x: gd.sum(gd.relu(x)))(np.array([1.0, -2.0])).tolist() == [[0, 0], [0, 0]]


def test_a_parameter_changed_after_the_forward_pass_is_noticed():
    w = gd.Parameter([1.0, 2.0], name="w")
    loss = gd.sum(w * w)
    w.assign([3.0, 4.0])
    with pytest.raises(GradientError, match="w was given a new value after"):
        loss.backward()


def test_a_rule_that_breaks_its_contract_is_named():
    def wrong(rule):
        primitive = gd.Primitive("crooked", spec=lambda x: x, vjp=(rule,), elementwise=True)
        backend = gd.variable(1.0).backend
        backend.kernels["crooked"] = lambda x: x * 1
        try:
            gd.sum(primitive(gd.variable(np.ones((2, 3)), name="x"))).backward()
        finally:
            del backend.kernels["crooked"]

    with pytest.raises(GradientError, match=r"vjp of 'crooked' for operand 0 gave shape \(2, 4\)"):
        wrong(lambda g, out, x: gd.ones((2, 4)))
    with pytest.raises(GradientError, match="gave float32"):
        wrong(lambda g, out, x: gd.cast(g, "float32"))


def test_a_composite_without_a_rule_of_its_own_is_differentiated_by_its_parts():
    cube = gd.Composite("cube", lambda x: x * x * x, elementwise=True)
    x = gd.variable(2.0)
    assert cube(x) == 8
    assert gd.grad(cube)(2.0) == 12
    assert gd.grad(gd.grad(cube))(2.0) == 12
    assert gd.grad(gd.grad(gd.grad(cube)))(2.0) == 6
    with gd.no_grad():
        assert cube(x).primitive is None
    y = cube(x)
    with gd.no_grad():
        assert y.backward()[x] == 12


@pytest.mark.parametrize(
    ("decompose", "kind"),
    [
        (lambda x: (x, x), "tuple"),
        (lambda x: [x], "list"),
        (lambda x: None, "NoneType"),
        (lambda x: 1.0, "float"),
    ],
)
def test_a_composite_gives_one_tensor(decompose, kind):
    wrong = gd.Composite("wrong", decompose)
    for call in (wrong, gd.compile(wrong), gd.grad(wrong)):
        with pytest.raises(ArgumentError, match=f"wrong: the decomposition returned a {kind}, not"):
            call(gd.tensor(2.0))


# Functions of functions


def test_derivatives_nest_to_any_order():
    fn = gd.sin
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin):
        fn = gd.grad(fn)
        assert fn(0.7).item() == pytest.approx(expected(0.7))


def test_nested_derivatives_do_not_confuse_their_variables():
    # d/dx [ x · d/dy (x + y) ] = 1, and not 2
    assert gd.grad(lambda x: x * gd.grad(lambda y: x + y)(1.0))(3.0) == 1
    # d/dx [ x · d/dy (x · y²) at y = x ] = d/dx 2x³ = 6x²
    assert gd.grad(lambda x: x * gd.grad(lambda y: x * y * y)(x))(2.0) == 24


def test_gradients_have_the_structure_of_their_argument():
    params = {"w": np.ones((2, 3)), "layers": [np.ones(3), (np.ones(2), None)]}

    def loss(p, scale):
        return scale * (gd.sum(p["w"]) + gd.sum(p["layers"][0]) * 2 + gd.sum(p["layers"][1][0]) * 3)

    value, gradient = gd.value_and_grad(loss)(params, 2.0)
    assert value == 2 * (6 + 6 + 6)
    assert gradient["w"].tolist() == np.full((2, 3), 2.0).tolist()
    assert gradient["layers"][0].tolist() == [4, 4, 4]
    assert gradient["layers"][1][0].tolist() == [6, 6]
    assert gradient["layers"][1][1] is None


def test_argnums_choose():
    fn = lambda x, y: x * x * y  # noqa: E731
    assert gd.grad(fn, 1)(3.0, 2.0) == 9
    assert [g.item() for g in gd.grad(fn, (0, 1))(3.0, 2.0)] == [12, 9]
    assert gd.grad(fn, -1)(3.0, 2.0) == 9
    with pytest.raises(ArgumentError, match="argument 2"):
        gd.grad(fn, 2)(3.0, 2.0)


def test_results_carry_no_history_unless_something_outside_took_part():
    assert not gd.grad(gd.sin)(1.0).recorded
    w = gd.variable(2.0)
    gradient = gd.grad(lambda x: w * x * x)(3.0)
    assert gradient.recorded
    assert gradient.backward()[w] == 6


def test_grad_works_inside_no_grad():
    with gd.no_grad():
        assert gd.grad(lambda x: x * x)(3.0) == 6


@given(sources())
def test_vjp_and_jvp_are_transposes(source):
    x = source.array(source.shape(min_dims=1, min_side=1))

    def fn(v):
        return gd.softmax(v * v) + gd.cumsum(gd.sin(v), 0) * gd.max(v)

    value, pull = gd.vjp(fn, x)
    v, u = source.array(x.shape, offset=0.6), source.array(value.shape, offset=0.2)
    _, push = gd.jvp(fn, [x], [v])
    (pulled,) = pull(u)
    np.testing.assert_allclose(np.sum(push.numpy() * u), np.sum(pulled.numpy() * v), rtol=1e-10, atol=1e-12)


def test_jacobian_has_output_axes_first():
    a = np.arange(6.0).reshape(2, 3)
    jacobian = gd.jacobian(lambda x: gd.tensor(a) @ x)(np.ones(3))
    np.testing.assert_array_equal(jacobian, a)
    both = gd.jacobian(lambda x, y: x * y, (0, 1))(np.ones(2), np.full(2, 3.0))
    assert [b.tolist() for b in both] == [[[3, 0], [0, 3]], [[1, 0], [0, 1]]]
    assert gd.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)


def test_a_hessian_by_several_arrays_is_refused():
    def fn(p):
        return gd.sum(p["w"] ** 2) if isinstance(p, dict) else gd.sum(gd.stack(p) ** 2)

    for value, kind in (({"w": gd.ones(2)}, "dict"), ([gd.ones(2), gd.ones(2)], "list")):
        with pytest.raises(ArgumentError, match=f"hessian: the Hessian by argument 0, a {kind}, would"):
            gd.hessian(fn)(value)
    with pytest.raises(ArgumentError, match=r"the Hessian by arguments \(0, 1\)"):
        gd.hessian(lambda a, b: gd.sum(a * b), (0, 1))(gd.ones(2), gd.ones(2))


@given(sources())
def test_hessian_is_symmetric_and_gives_hvp(source):
    x, v = source.array((3,)), source.array((3,), offset=0.6)

    def fn(x):
        return gd.sum(gd.exp(x) * x[::-1]) + gd.prod(x)

    hessian = gd.hessian(fn)(x).numpy()
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    np.testing.assert_allclose(gd.hvp(fn, [x], [v]), hessian @ v, rtol=1e-10, atol=1e-12)
    check_gradients(fn, x, order=2)


def test_wrong_arguments_are_answered():
    with pytest.raises(DTypeError, match="pass a floating value"):
        gd.grad(lambda x: x * x)(3)
    with pytest.raises(GradientError, match="use jacobian or vjp"):
        gd.grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(GradientError, match="returned tuple"):
        gd.grad(lambda x: (x, x))(1.0)
    with pytest.raises(ArgumentError, match="2 tangents for 1 primals"):
        gd.jvp(gd.sin, [1.0], [1.0, 1.0])
    with pytest.raises(ArgumentError, match="tangent is"):
        gd.jvp(gd.sin, [np.ones(2)], [np.ones(3)])
    with pytest.raises(ArgumentError, match="cotangents"):
        gd.vjp(gd.sin, 1.0)[1]((1.0, 2.0))


# Size, memory, threads


@contextmanager
def reference_counting_alone():
    """Without the cyclic collector; afterwards, no tensor may be left that only it could free."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        assert [t for t in gc.garbage if isinstance(t, (gd.Tensor, gd.Backward, gd.Graph))] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_chain_of_100_000_additions_leaves_no_memory_behind():
    with reference_counting_alone():
        x, y = gd.variables(x=1.0, y=0.5)
        f = x
        for _ in range(100_000):
            f = f + y
        middle = weakref.ref(f.inputs[0])
        record = f.backward()
        assert x.grad == 1
        assert y.grad == 100_000
        upstream = weakref.ref(record.upstream(middle()))
        del f, record
        assert middle() is None
        assert upstream() is None


def test_records_and_derivatives_of_functions_make_no_cycles():
    with reference_counting_alone():
        x = gd.variable(np.ones(3))
        back = gd.sum(gd.softmax(x) * x).backward()
        back.graph.to_networkx()
        found = weakref.ref(back.output)
        del back
        assert found() is None
        gd.hessian(lambda v: gd.prod(gd.std(v) * v))(np.arange(3.0))
        gd.jvp(gd.softmax, [np.ones(3)], [np.ones(3)])


def test_the_cycle_detector_of_these_tests_sees_a_cycle():
    def make_a_cycle():
        x = gd.variable(1.0)
        x.grad = x

    with pytest.raises(AssertionError), reference_counting_alone():
        make_a_cycle()


def test_graphs_built_in_threads_do_not_mix():
    results = {}

    def work(k):
        with gd.scope(f"thread{k}"):
            x = gd.variable(float(k))
            f = x
            for _ in range(200):
                f = f * 1.0 + x
            f.backward()
            results[k] = (x.grad, f.context.scope)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {k: (201, f"thread{k}") for k in range(4)}


def test_any_changed_operand_is_noticed():
    x, p, c = gd.variable(2.0), gd.Parameter(3.0, "float64", name="p"), gd.Cell(3.0, name="c")
    f, g = x * p, x * c
    back = g.backward()
    p.assign(10.0)
    c.assign(10.0)
    with pytest.raises(GradientError, match="p was given a new value"):
        f.backward(wrt=[x])
    with pytest.raises(GradientError, match="c was given a new value"):
        g.backward()
    with pytest.raises(GradientError, match="c was given a new value"):
        back.local(g, 0)


def test_gradients_are_arrays_of_their_own():
    x, y, g = gd.variable([1.0, 2.0]), gd.variable([3.0, 4.0]), np.ones(2)
    (x + y).backward(g)
    x.grad *= 0
    assert y.grad.tolist() == [1, 1]
    assert g.tolist() == [1, 1]


def test_one_tensor_may_be_wanted_without_a_list():
    x, y = gd.variables(x=2.0, y=3.0)
    (x * y).backward(wrt=x)
    assert x.grad == 3
    assert y.grad is None


def test_a_leaf_reached_only_without_derivative_gets_no_gradient():
    x, y = gd.variables(x=1.5, y=2.0)
    record = (gd.floor(x) * y).backward()
    assert y.grad == 1
    assert x.grad is None
    with pytest.raises(GradientError):
        record[x]


def test_forward_mode_refuses_what_reverse_mode_refuses():
    with pytest.raises(GradientError, match="without a derivative: floor"):
        gd.jvp(gd.floor, [1.5], [1.0])
    assert gd.jvp(lambda x: gd.tensor(5.0), [1.5], [1.0])[1] == 0


def test_lists_of_recorded_tensors_are_not_silently_detached():
    x, y = gd.variables(x=1.0, y=2.0)
    for use in (lambda: gd.sum([x, y]), lambda: gd.tensor([x, y]), lambda: gd.add(gd.zeros(2), [x, y])):
        with pytest.raises(ArgumentError, match=r"graphdiff\.stack"):
            use()
    assert (x * gd.sum(gd.stack([x, y]))).backward()[x] == 4


def test_arrays_changed_after_use_do_not_reach_the_graph():
    v, array = gd.variable([1.0, 1.0]), np.array([1.0, 2.0])
    f, g = gd.sum(v * array), gd.sum(gd.as_tensor(array) * v)
    array[:] = 100
    assert f.backward()[v].tolist() == [1, 2]
    assert g.backward()[v].tolist() == [1, 2]


def test_operations_take_their_number_of_operands():
    a, b, c = (gd.tensor([k, k]) for k in (1.0, 2.0, 9.0))
    for wrong in (lambda: gd.maximum(a, b, c), lambda: gd.abs(a, c), lambda: gd.add(), lambda: gd.equal(a)):
        with pytest.raises(ArgumentError, match=r"takes . operands"):
            wrong()
    assert c.tolist() == [9, 9]
