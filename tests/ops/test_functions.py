"""Every public operation through every check: axes of either sign, empty and 0-d tensors, broadcasting."""

import importlib

import numpy as np
import pytest
from hypothesis import given, note
from ops.catalogue import PRIMITIVES
from ops.examples import EXAMPLES, draw_example

import graphdiff as gd
from graphdiff import ops
from graphdiff.testing import CHECKS, sources
from graphdiff.testing.primitive import check_torch, check_value

for family in ("activation", "reduction", "shape", "indexing", "linear", "spatial"):
    importlib.import_module(f"ops.examples_{family}")

CONSTANTS = {
    "arange": [lambda m: m.arange(4), lambda m: m.arange(1.5, 4), lambda m: m.arange(5, 1, -2)],
    "eye": [
        lambda m: m.eye(3),
        lambda m: m.eye(2, 3),
        lambda m: m.eye(0),
        lambda m: m.eye(2, dtype="float32"),
    ],
    "full": [lambda m: m.full((2, 3), 1.5), lambda m: m.full((), 2.0), lambda m: m.full(2, 7, "int64")],
    "ones": [lambda m: m.ones((2, 0)), lambda m: m.ones(3, "float32"), lambda m: m.ones((), "bool")],
    "ones_like": [lambda m: m.ones_like(np.zeros((2, 1), "float32")), lambda m: m.ones_like(np.int64(3))],
    "zeros": [lambda m: m.zeros((2, 3)), lambda m: m.zeros(3, "int64"), lambda m: m.zeros(())],
    "zeros_like": [lambda m: m.zeros_like(np.ones((0, 2))), lambda m: m.zeros_like(np.ones(2, bool))],
}
CHECKED = {name: check for name, check in CHECKS.items() if name != "decomposition"}

every_function = pytest.mark.parametrize("name", EXAMPLES)


def draw(name, source):
    case = draw_example(name, source)
    note(f"{case} on {case.inputs}")
    return case


@pytest.mark.parametrize("check", CHECKED)
@every_function
@given(source=sources())
def test_check(name, check, source):
    CHECKED[check](draw(name, source))


@every_function
@given(source=sources())
def test_value_equals_numpys(name, source):
    case = draw(name, source)
    check_value(case, case.primitive.numpy)


@every_function
@given(source=sources())
def test_value_and_derivatives_equal_torchs(name, source):
    case = draw(name, source)
    check_torch(case, case.primitive.torch)


@pytest.mark.parametrize(("name", "k"), [(n, k) for n, calls in CONSTANTS.items() for k in range(len(calls))])
def test_constants_equal_numpys(name, k):
    made, expected = CONSTANTS[name][k](gd), CONSTANTS[name][k](np)
    assert made.dtype == expected.dtype
    assert not made.recorded
    np.testing.assert_array_equal(made, expected)


def test_every_public_operation_is_tested():
    direct = {name for name in ops.__all__ if getattr(ops, name) is PRIMITIVES.get(name)}
    assert direct | set(EXAMPLES) | set(CONSTANTS) == set(ops.__all__)
    assert not direct & set(EXAMPLES)


def test_every_public_operation_is_explained():
    assert [name for name in ops.__all__ if len(getattr(ops, name).__doc__ or "") < 2] == []
