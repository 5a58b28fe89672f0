"""The worked numbers of the lectures (Stanford CS231n), as a student would type them in."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.testing import numerical_gradient

SCORES = [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]  # cat, car, frog


def test_the_circuit():
    x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
    f = (x + y) * z
    back = f.backward()
    assert f == -12
    assert [back[v].item() for v in (x, y, z)] == [-4, -4, 3]
    assert [v.grad for v in (x, y, z)] == [-4, -4, 3]


def test_every_edge_is_local_times_upstream():
    x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
    q = (x + y).named("q")
    back = (q * z).named("f").backward()
    edges = {(node.label, k): back.local(node, k).item() for node, k in back.edges()}
    assert edges == {("f", 0): -4, ("f", 1): 3, ("q", 0): 1, ("q", 1): 1}
    assert back.upstream("q") == -4
    assert back.contribution("f", 1) == 3


def test_the_sigmoid_neuron():
    w0, x0, w1, x1, w2 = gd.variables(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
    f = 1 / (1 + gd.exp(-(w0 * x0 + w1 * x1 + w2)))
    back = f.backward()
    assert f.item() == pytest.approx(0.73, abs=0.005)
    gradients = [back[v].item() for v in (w0, x0, w1, x1, w2)]
    assert gradients == pytest.approx([-0.20, 0.39, -0.39, -0.59, 0.20], abs=0.005)


def test_the_sigmoid_gate_taken_whole_gives_the_same():
    w0, x0, w1, x1, w2 = gd.variables(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
    f = gd.sigmoid(w0 * x0 + w1 * x1 + w2)
    f.backward()
    assert [v.grad for v in (w0, x0, w1, x1, w2)] == pytest.approx(
        [-0.20, 0.39, -0.39, -0.59, 0.20], abs=0.005
    )


def test_gradients_add_up_where_a_value_is_used_twice():
    x, y = gd.variables(x=3.0, y=4.0)
    f = x * y + x
    back = f.backward()
    contributions = [back.passed(node, k).item() for node, k in back.edges() if node.inputs[k] is x]
    assert sorted(contributions) == [1, 4]
    assert back[x] == 5


def test_hinge_losses_of_cat_car_frog():
    losses = gd.losses.hinge(SCORES, [0, 1, 2], reduction="none")
    np.testing.assert_allclose(losses, [2.9, 0, 12.9], atol=1e-12)
    assert gd.losses.hinge(SCORES, [0, 1, 2]).item() == pytest.approx(5.27, abs=0.005)


def test_softmax_of_the_cat_scores():
    np.testing.assert_allclose(gd.softmax(SCORES[0]), [0.13, 0.87, 0.00], atol=0.005)
    loss = gd.losses.softmax_cross_entropy(SCORES[0], 0).item()
    assert loss == pytest.approx(2.04, abs=0.005)
    assert loss / np.log(10) == pytest.approx(0.89, abs=0.005)  # the lecture's figure is a base-10 logarithm


def test_the_numerical_gradient_by_one_difference():
    high, low, step = 1.25322, 1.25347, 0.0001
    assert (high - low) / step == pytest.approx(-2.5)


def test_the_numerical_gradient_agrees_with_the_analytic_one():
    images = np.random.default_rng(0).normal(size=(3, 4))

    def loss(w):
        return gd.losses.hinge(gd.tensor(images) @ w.T, [0, 1, 2])

    w = np.random.default_rng(1).normal(size=(3, 4))
    np.testing.assert_allclose(numerical_gradient(loss, w), gd.grad(loss)(w), rtol=1e-6, atol=1e-8)
