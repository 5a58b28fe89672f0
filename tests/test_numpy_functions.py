"""NumPy's functions called on tensors: what they give is what NumPy gives, or they say why not."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError

RNG = np.random.default_rng(0)
X, CUBE, OTHER = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 4, 5))
INTS = np.array([1, 2, 3])

CALLS = {
    "dot of matrices": (lambda x: np.dot(x, X.T), X),
    "dot of cubes": (lambda x: np.dot(x, OTHER), CUBE),
    "dot with a vector": (lambda x: np.dot(x, X[0]), CUBE),
    "dot of vectors": (lambda x: np.dot(x, x), X[0]),
    "dot with a number": (lambda x: np.dot(2.0, x), X),
    "float_power of integers": (lambda x: np.float_power(x, 2), INTS),
    "float_power of float32": (lambda x: np.float_power(x, x), INTS.astype("float32")),
    "fabs of integers": (np.fabs, INTS),
    "rint of integers": (np.rint, INTS),
    "sum with a dtype of None": (lambda x: np.sum(x, 0, None), X),
    "sum with everything by position": (lambda x: np.sum(x, 0, None, None, True), X),
    "add with what goes without saying": (lambda x: np.add(x, 1, where=True, dtype=None), X),
    "add.reduce": (lambda x: np.add.reduce(x, 1, None), X),
    "mean by position": (lambda x: np.mean(x, 1, None, None, True), X),
    "var with a dtype of None": (lambda x: np.var(x, 0, None), X),
    "std with ddof": (lambda x: np.std(x, 0, ddof=1, keepdims=True), X),
    "max": (lambda x: np.max(x, axis=-1), X),
    "argmax": (lambda x: np.argmax(x, 1), X),
    "clip by two names": (lambda x: np.clip(x, a_min=-1, a_max=None), X),
    "clip by two other names": (lambda x: np.clip(x, min=-0.5, max=0.5), X),
    "clip by position": (lambda x: np.clip(x, 0.5, 2.5), INTS),
    "round to no decimals": (lambda x: np.round(x, 0), X),
    "where": (lambda x: np.where(X > 0, x, 0.0), X),
    "einsum": (lambda x: np.einsum("ij,kj->ik", x, X), X),
    "concatenate": (lambda x: np.concatenate([x, X], 1), X),
    "stack": (lambda x: np.stack([x, X], axis=-1), X),
    "reshape": (lambda x: np.reshape(x, (4, 3), "C"), X),
    "pad": (lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3), X),
    "take": (lambda x: np.take(x, [2, 0], axis=1), X),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.array([[0], [1], [2]])), X),
    "split": (lambda x: np.split(x, [1], 0)[1], X),
    "roll": (lambda x: np.roll(x, 1, 0), X),
    "repeat": (lambda x: np.repeat(x, 2, axis=1), X),
    "tile": (lambda x: np.tile(x, (2, 1)), X),
    "flip": (lambda x: np.flip(x, 0), X),
    "transpose": (lambda x: np.transpose(x, (1, 0)), X),
    "moveaxis": (lambda x: np.moveaxis(x, 0, 1), X),
    "expand_dims": (lambda x: np.expand_dims(x, 1), X),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), X),
    "trace": (lambda x: np.trace(x, 1), X),
    "tensordot": (lambda x: np.tensordot(x, X, ([0], [0])), X),
    "outer": (lambda x: np.outer(x, x), INTS),
    "zeros_like": (np.zeros_like, INTS),
    "cumsum": (lambda x: np.cumsum(x, 1), X),
}


@pytest.mark.parametrize("what", CALLS)
def test_value_equals_numpys(what):
    call, x = CALLS[what]
    found, expected = call(gd.tensor(x)), call(x)
    assert isinstance(found, gd.Tensor)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (lambda x: np.sum(x, 0, np.float32), "np.sum with dtype"),
        (lambda x: np.mean(x, None, np.float32), "np.mean with dtype"),
        (lambda x: np.var(x, correction=1), "np.var with correction"),
        (lambda x: np.round(x, 2), "np.round with decimals"),
        (lambda x: np.take(x, [0], mode="clip"), "np.take with mode"),
        (lambda x: np.reshape(x, -1, order="F"), "np.reshape with order"),
        (lambda x: np.clip(x, 0, 1, where=X > 0), "np.clip with where"),
        (lambda x: np.concatenate([x, x], dtype="float32"), "np.concatenate with dtype"),
        (lambda x: np.zeros_like(x, shape=(2,)), "np.zeros_like with shape"),
        (lambda x: np.einsum(x, [0, 1], [1]), "np.einsum with lists of axes"),
        (lambda x: np.add(x, 1, dtype="float32"), "np.add with dtype"),
    ],
)
def test_options_without_counterpart_are_refused_by_name(call, option):
    with pytest.raises(ArgumentError, match=option) as caught:
        call(gd.tensor(X))
    assert "test_numpy_functions.py:" in caught.value.source


def test_a_padding_that_is_no_number_is_refused():
    with pytest.raises(ArgumentError, match="is not a number"):
        np.pad(gd.tensor(X), 1, constant_values=(0, 1))


def test_gradients_flow_through_dot():
    x = gd.variable(CUBE)
    np.testing.assert_allclose(gd.sum(np.dot(x, OTHER)).backward()[x] - OTHER.sum((0, 2)), 0, atol=1e-12)
