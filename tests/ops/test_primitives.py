"""Every primitive through every check, on inputs of its own drawing."""

import pytest
from hypothesis import given, note
from ops.catalogue import PRIMITIVES
from ops.references import NUMPY, TORCH

import graphdiff as gd
from graphdiff.errors import DTypeError, GradientError
from graphdiff.testing import CHECKS, Case, sources
from graphdiff.testing.primitive import check_torch, check_value

# Its derivative is declared to be 0 whatever its value does; torch's detach is what it is compared with.
WITHOUT = {"stop_gradient": ("derivatives", "jvp")}
PAIRS = [(p, c) for p in PRIMITIVES for c in CHECKS if c not in WITHOUT.get(p, ())]

every_primitive = pytest.mark.parametrize("name", PRIMITIVES)


def draw(name, source):
    case = Case.draw(PRIMITIVES[name], source)
    note(f"{case} on {case.inputs}")
    return case


@pytest.mark.parametrize(("name", "check"), PAIRS, ids=[f"{p}-{c}" for p, c in PAIRS])
@given(source=sources())
def test_check(name, check, source):
    CHECKS[check](draw(name, source))


@every_primitive
@given(source=sources())
def test_value_equals_numpys(name, source):
    check_value(draw(name, source), NUMPY[name])


@every_primitive
@given(source=sources())
def test_value_and_derivatives_equal_torchs(name, source):
    check_torch(draw(name, source), TORCH[name])


WITHOUT_DERIVATIVE = [n for n, p in PRIMITIVES.items() if p.vjp is None]


@pytest.mark.parametrize("name", WITHOUT_DERIVATIVE)
@given(source=sources())
def test_what_has_no_derivative_refuses(name, source):
    case = draw(name, source)
    inputs = [gd.variable(x) for x in case.inputs]
    out = case(*inputs)
    with pytest.raises((GradientError, DTypeError)):
        out.backward(gd.ones_like(out), wrt=inputs)


def test_every_primitive_can_be_checked():
    assert set(NUMPY) == set(TORCH) == set(PRIMITIVES)
    assert [n for n, p in PRIMITIVES.items() if p.samples is None] == []


def test_every_derivative_has_a_formula_for_people():
    """One for each operand, or one that holds for all."""
    for name, primitive in PRIMITIVES.items():
        if any(primitive.rule(k) is not None for k in range(primitive.arity or 1)):
            operands = len(primitive.vjp) if isinstance(primitive.vjp, tuple) else 1
            assert primitive.formula, name
            assert operands == len(primitive.formula) or not isinstance(primitive.vjp, tuple), name


def test_the_order_of_parameters_does_not_matter():
    argmax, x = PRIMITIVES["argmax"], gd.zeros((2, 3))
    assert argmax(x, axis=0, keepdims=True).shape == (1, 3)
    assert argmax(x, keepdims=False, axis=1).shape == (2,)  # False == 0 and True == 1
