"""Joint kernels: called where they apply and nowhere else, with the values of the separate ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.autodiff.walk import graph_of
from graphdiff.backend import Joint, get_backend
from graphdiff.compile.executable import straight_line
from graphdiff.compile.joint import joined
from graphdiff.compile.program import program_of
from graphdiff.errors import ArgumentError
from graphdiff.leaf import abstract

NUMPY = get_backend("numpy")
RNG = np.random.default_rng(0)
X, W, V = (RNG.normal(size=s).astype("float32") for s in ((2, 3, 6, 6), (4, 3, 3, 3), (4, 3, 3, 3)))


def sine_and_cosine(x):
    return NUMPY.kernels["sin"](x), NUMPY.kernels["cos"](x)


def gradients(g, w, x, input_shape, weight_shape, **params):
    assert (x.shape, w.shape) == (input_shape, weight_shape)  # as one convolution would have them
    one = NUMPY.kernels["conv2d_input_grad"](g, w, input_shape=input_shape, **params)
    return one, NUMPY.kernels["conv2d_weight_grad"](x, g, weight_shape=weight_shape, **params)


SINES = Joint({"sin": "x", "cos": "x"}, sine_and_cosine)
CONVOLUTION = Joint(
    {"conv2d_input_grad": "gw", "conv2d_weight_grad": "xg"},
    gradients,
    when=lambda g, w, x, **p: x.shape == p["input_shape"] and w.shape == p["weight_shape"],
)


def program(fn, *arrays):
    inputs = [abstract(gd.TensorSpec(a.shape, a.dtype)) for a in arrays]
    return program_of(graph_of(list(fn(*inputs))), tuple(t.id for t in inputs))


def both(fn, *arrays):
    """The calls found, after comparing all results with and without them."""
    plain = program(fn, *arrays)
    expected = straight_line(plain, NUMPY).run(arrays)
    moved, calls = joined(plain, NUMPY.joints)
    for executable in (straight_line(plain, NUMPY), NUMPY.lower(plain, "auto")):
        for _ in range(2):
            for one, two in zip(executable.run(arrays), expected, strict=True):
                assert np.asarray(one).tobytes() == np.asarray(two).tobytes()
        assert executable.source.count("= j") == len({id(call) for call in calls.values()})
    assert {n.id for n in moved.nodes} == {n.id for n in plain.nodes}
    return [[n.primitive.name for n in call.nodes] for call in calls.values()]


@pytest.fixture(autouse=True)
def joints(monkeypatch):
    monkeypatch.setattr(NUMPY, "_joints", (SINES, CONVOLUTION))


def convolution_step(x, w):
    y = gd.conv2d(x, w, padding=1)
    back = gd.sum(y * y).backward(wrt=[x, w])
    return y, back[x], back[w]


def test_the_gradients_of_a_convolution_are_one_call():
    pair = ["conv2d_input_grad", "conv2d_weight_grad"]
    assert both(convolution_step, X, W) == [pair, pair]


@pytest.mark.parametrize("wanted", ["xwyv", "xwv", "wyv"])
def test_gradients_of_two_convolutions_with_one_upstream_go_with_their_own(wanted):
    def step(x, w, y, v):
        one, two = (gd.conv2d(t, k, stride=2, rounding="floor") for t, k in ((x, w), (y, v)))
        at = [{"x": x, "w": w, "y": y, "v": v}[name] for name in wanted]
        back = gd.sum(gd.sin(one + two)).backward(wrt=at)
        return [back[t] for t in at]

    calls = both(step, X, W, X[:, :, :5, :5].copy(), V)  # 6 × 6 and 5 × 5 give 2 × 2
    assert len(calls) == len(wanted) // 2 * 2


def test_a_joint_needs_all_members_and_equal_operands():
    assert both(lambda x: [gd.sin(x)], X) == []
    assert both(lambda x, y: [gd.sin(x), gd.cos(y)], W, V) == []
    assert both(lambda x: [gd.cos(x), gd.sin(x)], X) == [["sin", "cos"]] * 2


def test_parameters_of_one_name_must_be_equal(monkeypatch):
    def kernel(x, axes, keepdims):
        return NUMPY.kernels["sum"](x, axes, keepdims), NUMPY.kernels["max"](x, axes, keepdims)

    monkeypatch.setattr(NUMPY, "_joints", (Joint({"sum": "x", "max": "x"}, kernel),))
    assert both(lambda x: [gd.sum(x, 0), gd.max(x, 1)], X) == []
    assert both(lambda x: [gd.sum(x, 1), gd.max(x, 1)], X) == [["sum", "max"]] * 2


def test_what_depends_on_another_member_is_left_apart(monkeypatch):
    def kernel(x, y):
        return np.sin(x), np.multiply(x, y)

    monkeypatch.setattr(NUMPY, "_joints", (Joint({"sin": "x", "multiply": "xy"}, kernel),))
    assert both(lambda x: [x * gd.sin(x)], X) == []
    assert both(lambda x, y: [gd.sin(x), x * gd.exp(y)], W, V) == []  # not known where sin stands
    assert both(lambda x, y: [(e := gd.exp(y)), gd.sin(x), x * e], W, V) == [["sin", "multiply"]] * 2


def test_a_replaced_kernel_is_called_all_the_same(monkeypatch):
    monkeypatch.setitem(NUMPY.kernels, "sin", lambda x: x + 1)
    run = gd.compile(lambda x: (gd.sin(x), gd.cos(x)))
    np.testing.assert_array_equal(run(W)[0], W + 1)


@given(st.lists(st.tuples(st.sampled_from("sin cos add exp".split()), *[st.integers(0, 9)] * 2), max_size=12))
def test_random_programs_keep_their_values(steps):
    def fn(x, y):
        values = [x, y]
        for name, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(gd.add(a, b) if name == "add" else getattr(gd, name)(a))
        return values[2:] or [x + y]

    both(fn, W, V)


def test_a_mode_that_the_backend_lacks_is_refused_by_name():
    with pytest.raises(ArgumentError, match=r"'numpy' has no mode 'inductor'(.|\n)*'auto'"):
        gd.compile(gd.sin, mode="inductor")(X)
    assert gd.compile(gd.sin, mode="auto")(X).shape == X.shape
