"""Every primitive through every check, on inputs of its own drawing."""

import pytest
from hypothesis import given, note, settings
from ops.catalogue import PRIMITIVES
from ops.references import NUMPY, TORCH

import graphdiff as gd
from graphdiff.errors import DTypeError, GradientError
from graphdiff.testing import Case, check_primitive, sources

EXPECTED = {
    "stop_gradient": dict.fromkeys(
        ("derivatives", "jvp"),
        "its derivative is declared to be 0 whatever its value does, as torch's detach",
    )
}
EXAMPLES = settings.default.max_examples


def every_check():
    for name, primitive in PRIMITIVES.items():
        checks = check_primitive.checks(primitive, NUMPY[name], TORCH[name], examples=EXAMPLES)
        yield from (
            (f"{name}-{key}", check) for key, check in checks.items() if key not in EXPECTED.get(name, ())
        )


CHECKS = dict(every_check())


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_check(check):
    check()


@pytest.mark.parametrize("name", EXPECTED)
def test_what_fails_is_declared_with_its_reason(name):
    results = check_primitive(PRIMITIVES[name], NUMPY[name], TORCH[name], expected_failures=EXPECTED[name])
    assert results.failed_as_declared == EXPECTED[name]
    assert not results.not_run


def draw(name, source):
    case = Case.draw(PRIMITIVES[name], source)
    note(f"{case} on {case.inputs}")
    return case


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
