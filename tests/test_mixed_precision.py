"""Products in small floats, everything else in float32, and losses scaled so that gradients do not vanish."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError, DTypeError

X = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
Y = np.arange(8) % 3
IMAGES = np.random.default_rng(1).normal(size=(2, 3, 6, 6)).astype("float32")

KINDS = [("numpy", "float16"), ("torch", "float16"), ("torch", "bfloat16")]
every_kind = pytest.mark.parametrize(("name", "dtype"), KINDS)


def model():
    gd.seed(0)
    return gd.layers.Sequential(gd.layers.Linear(5, 16), gd.layers.ReLU(), gd.layers.Linear(16, 3))


@every_kind
def test_products_alone_are_small(name, dtype):
    w = np.ones((4, 3, 3, 3), "float32")
    with gd.backend(name), gd.autocast(dtype):
        x, images = gd.tensor(X), gd.tensor(IMAGES)
        products = (
            x @ x.T,
            gd.tensordot(x, x.T, 1),
            gd.einsum("ij,kj->ik", x, x),
            gd.conv2d(images, gd.tensor(w)),
            gd.conv_transpose2d(images, gd.tensor(w[:3])),
        )
        assert {p.dtype for p in products} == {dtype}
        assert {t.dtype for t in (x + x, gd.sum(x), gd.softmax(x), gd.exp(x))} == {"float32"}
        assert (gd.tensor(X.astype("float64")) @ gd.tensor(X.T.astype("float64"))).dtype == "float64"
        loss = gd.losses.softmax_cross_entropy(x @ x.T, Y)
        assert loss.dtype == "float32"
    with gd.backend(name):
        assert (gd.tensor(X) @ gd.tensor(X).T).dtype == "float32"


@every_kind
def test_gradients_are_float32_and_near_those_of_float32(name, dtype):
    def gradients(cast):
        net = model()
        if cast:
            with gd.autocast(dtype):
                loss = gd.losses.softmax_cross_entropy(net(X), Y)
        else:
            loss = gd.losses.softmax_cross_entropy(net(X), Y)
        back = loss.backward()
        return [back[p] for p in net.parameters()]

    with gd.backend(name):
        small, wide = gradients(True), gradients(False)
    for one, two in zip(small, wide, strict=True):
        assert one.dtype == "float32"
        np.testing.assert_allclose(one.numpy(), two.numpy(), atol=0.02)
        assert not np.array_equal(one.numpy(), two.numpy())


def test_compiled_functions_heed_it_inside_and_outside():
    product = gd.compile(lambda x: x @ x.T)
    assert product(X).dtype == "float32"
    with gd.autocast("float16"):
        assert product(X).dtype == "float16"
        expected = gd.tensor(X) @ gd.tensor(X).T
        np.testing.assert_array_equal(product(X), expected)
    assert product(X).dtype == "float32"
    assert product.traces == 2

    @gd.compile
    def inside(x):
        with gd.autocast("float16"):
            return x @ x.T

    np.testing.assert_array_equal(inside(X), expected)
    assert {n.primitive.name for n in inside.graph if n.primitive} >= {"cast", "matmul"}


def test_what_cannot_be_is_said():
    with pytest.raises(DTypeError, match=r"(?s)float64 saves nothing.*'bfloat16' or 'float16'"):
        gd.autocast("float64").__enter__()
    with pytest.raises(DTypeError, match=r"(?s)has no bfloat16.*float16"), gd.autocast("bfloat16"):
        gd.tensor(X) @ gd.tensor(X).T
    for wrong in ({"scale": 0}, {"growth": 1}, {"interval": 0}):
        with pytest.raises(ArgumentError, match="does not scale"):
            gd.LossScaler(**wrong)


def scaled_training(scaler, compiled, weight=1.0, lr=0.1):
    net, optimizer = model(), gd.optimizers.SGD(lr, momentum=0.9)

    def step(x, y, weight):
        with gd.autocast("float16"):
            loss = gd.losses.softmax_cross_entropy(net(x), y) * weight
        back = scaler.scaled(loss).backward(wrt=net.parameters())
        return loss, scaler.step(optimizer, net, back)

    return net, gd.compile(step) if compiled else step


@pytest.mark.parametrize("name", ["numpy", "torch"])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_bad_step_is_left_out_and_lowers_the_scale(name, compiled):
    with gd.backend(name):
        scaler = gd.LossScaler(2.0**10, interval=3)
        net, step = scaled_training(scaler, compiled)
        x, y, one = gd.tensor(X), gd.tensor(Y), gd.tensor(np.float32(1))
        scales = []
        for weight in (one, one, one, gd.tensor(np.float32(np.inf)), one):
            before = net.state_dict()
            _, done = step(x, y, weight)
            changed = not np.array_equal(before["0.weight"], net.state_dict()["0.weight"])
            assert changed == bool(done.numpy()) == np.isfinite(weight.item())
            scales.append(scaler.scale / 2**10)
    assert scales == [1, 1, 2, 1, 1]


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_scaling_brings_back_gradients_that_vanish_in_float16(name):
    def gradient(scale):
        with gd.backend(name):
            scaler, w = gd.LossScaler(scale), gd.Parameter(np.ones((5, 1), "float32"))
            with gd.autocast("float16"):
                loss = gd.cast(gd.sum(gd.tensor(X) @ w), "float32") * 1e-8
            return np.array((scaler.scaled(loss).backward()[w] / scale).numpy())

    expected = X.sum(0)[:, None] * 1e-8
    assert not gradient(1.0).any()
    np.testing.assert_allclose(gradient(2.0**14), expected, rtol=2e-2, atol=1e-10)
