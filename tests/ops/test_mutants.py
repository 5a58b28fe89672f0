"""The checks can fail: deliberately wrong primitives, and which check catches each."""

import numpy as np
import pytest
from ops.references import TORCH

import graphdiff as gd
from graphdiff.backend import current_backend
from graphdiff.errors import GraphdiffError
from graphdiff.graph import TensorSpec
from graphdiff.ops import samples
from graphdiff.ops.common import reduced_shape, same_spec
from graphdiff.ops.reduction import spread
from graphdiff.ops.shape import _concatenate as concatenate
from graphdiff.primitive import Composite, Primitive
from graphdiff.testing import CHECKS, Case, CheckError, RandomSource, check_primitive
from graphdiff.testing.primitive import check_derivatives, check_torch, check_value

EXAMPLES = 20


def doubled(g, out, x):
    return g * (2 * x)


def square(rule=doubled, name="square", spec=same_spec, **rest):
    return Primitive(name, spec=spec, vjp=(rule,), samples=samples.operands(1), **rest)


def matmul(left, right):
    def spec(x, y):
        return gd.matmul(*(gd.zeros(s.shape, s.dtype) for s in (x, y))).spec

    return Primitive("matmul", spec=spec, vjp=(left, right), unify=slice(None), samples=samples.matrices)


def total(rule, spec=None):
    def true_spec(x, axes, keepdims):
        return TensorSpec(reduced_shape(x.shape, axes, keepdims), x.dtype)

    return Primitive("sum", spec=spec or true_spec, vjp=(rule,), samples=samples.reduction)


def back(y):
    return gd.swapaxes(y, -1, -2)


def spread_back(g, out, x, axes, keepdims):
    return spread(g, x.shape, axes)


def joined(**rest):
    """Concatenation, whose jvp by one operand is not the primitive with a tangent in its place."""
    return Primitive(
        "concatenate",
        spec=concatenate.spec,
        vjp=concatenate.vjp,
        unify=slice(None),
        samples=samples.concatenate,
        **rest,
    )


def logistic(decompose, rule=lambda g, out, x: g * out * (1 - out)):
    return Composite("sigmoid", decompose, vjp=(rule,), floating=True, samples=samples.operands(1))


def sigmoid(x):
    return gd.reciprocal(gd.exp(-x) + 1)


SOUND = {
    "square": square(),
    "square as elementwise": square(elementwise=True),
    "matmul": matmul(lambda g, out, x, y: gd.matmul(g, back(y)), lambda g, out, x, y: gd.matmul(back(x), g)),
    "sum": total(spread_back),
    "sum, said to be linear": Primitive(
        "sum", spec=total(spread_back).spec, vjp=(spread_back,), linear=True, samples=samples.reduction
    ),
    "concatenate": joined(),
    "sigmoid": logistic(sigmoid),
}

SLOPE = ["derivatives", "jvp", "torch"]
AFFINE = ["derivatives", "linearity", "torch"]

MUTANTS = {
    # what is wrong: the primitive, the checks that must see it
    "off by 1%": (square(lambda g, out, x: g * (2.02 * x)), SLOPE),
    "of the wrong sign": (square(lambda g, out, x: -g * (2 * x)), SLOPE),
    "said to be zero": (square(lambda g, out, x: None), SLOPE),
    "not a number": (square(lambda g, out, x: g * gd.log(-gd.square(x))), SLOPE),
    "off by a constant": (square(lambda g, out, x: g * (2 * x) + 0.01), AFFINE),
    "squared in the cotangent": (square(lambda g, out, x: g * g * (2 * x)), AFFINE),
    "with operands transposed": (
        matmul(lambda g, out, x, y: gd.matmul(g, y), lambda g, out, x, y: gd.matmul(x, g)),
        SLOPE,
    ),
    "with operands exchanged": (
        matmul(lambda g, out, x, y: gd.matmul(g, back(x)), lambda g, out, x, y: gd.matmul(back(y), g)),
        SLOPE,
    ),
    "not spread over the axes": (total(lambda g, out, x, axes, keepdims: g), SLOPE),
    "spread twice": (
        total(lambda g, out, x, axes, keepdims: spread(g, x.shape, axes) * (1 + len(axes) // 2)),
        SLOPE,
    ),
    "of a wrong dtype": (
        square(lambda g, out, x: gd.cast(g * (2 * x), "float64")),
        ["float32"],
    ),
    "of the wrong shape": (
        square(lambda g, out, x: gd.stack([g * x, g * x], -1)),
        ["derivatives", "unmutated", "layout", "float32", "linearity", "jvp", "torch"],
    ),
    "said to be linear": (joined(linear=True), ["jvp"]),
    "said to be elementwise": (
        Primitive(
            "cumsum",
            spec=same_spec,
            vjp=(lambda g, out, x, axis, reverse: g,),
            elementwise=True,
            samples=samples.scan,
        ),
        SLOPE,
    ),
    "unlike the decomposition's": (
        logistic(sigmoid, lambda g, out, x: g * out),
        ["decomposition", "derivatives"],
    ),
    "of another decomposition": (logistic(lambda x: gd.reciprocal(gd.exp(x) + 1)), ["decomposition"]),
    "with a spec of a wrong dtype": (square(spec=lambda x: TensorSpec(x.shape, "float32")), ["spec"]),
    "with a spec of a wrong shape": (
        total(spread_back, lambda x, axes, keepdims: TensorSpec(reduced_shape(x.shape, axes, True), x.dtype)),
        ["spec"],
    ),
}


def failures(check, primitive):
    """What a check says about samples of the primitive."""
    source, found = RandomSource(1), []
    for _ in range(EXAMPLES):
        try:
            check(Case.draw(primitive, source))
        except (AssertionError, GraphdiffError) as problem:
            found.append(problem)
    return found


def named(check):
    return CHECKS.get(check) or (lambda case: check_torch(case, TORCH[case.primitive.name]))


@pytest.mark.parametrize("name", SOUND)
def test_sound_primitives_pass(name):
    primitive = SOUND[name]
    check_primitive(primitive, torch_reference=TORCH[primitive.name])


@pytest.mark.parametrize(("name", "check"), [(n, c) for n, (_, checks) in MUTANTS.items() for c in checks])
def test_a_derivative_is_caught_when_it_is(name, check):
    assert failures(named(check), MUTANTS[name][0])


@pytest.mark.parametrize("name", MUTANTS)
def test_check_primitive_catches_every_mutant(name):
    with pytest.raises(CheckError, match=r"check_primitive\(\w+\): check '\w+' failed"):
        check_primitive(MUTANTS[name][0])


def test_a_wrong_second_derivative_is_caught_by_the_second_order_only():
    mutant = square(lambda g, out, x: g * (2 * gd.stop_gradient(x)))
    assert not failures(lambda case: check_derivatives(case, order=1), mutant)
    assert failures(check_derivatives, mutant)
    assert failures(named("torch"), mutant)


KERNELS = {
    "writes into its input": (lambda x: np.square(x, out=x), ["unmutated"]),
    "reads memory in its order": (lambda x: np.square(x.ravel(order="K").reshape(x.shape)), ["layout"]),
    "computes in float64": (lambda x: np.square(x.astype(np.float64)), ["float32"]),
    "computes in float32": (lambda x: np.square(x.astype(np.float32)), ["spec"]),
    "drops an axis": (lambda x: np.square(x).reshape(-1), ["spec"]),
    "is off by 1%": (lambda x: 1.01 * x * x, ["derivatives", "value"]),
}


@pytest.mark.parametrize(("name", "check"), [(n, c) for n, (_, checks) in KERNELS.items() for c in checks])
def test_a_kernel_is_caught_that(name, check, monkeypatch):
    monkeypatch.setitem(current_backend().kernels, "mutant", KERNELS[name][0])
    run = CHECKS.get(check) or (lambda case: check_value(case, np.square))
    assert failures(run, square(name="mutant"))


def test_a_failure_says_what_was_checked_and_found():
    first, *_ = failures(CHECKS["derivatives"], MUTANTS["off by 1%"][0])
    assert "square: first-order gradient by argument 0" in str(first)
    first, *_ = failures(CHECKS["spec"], MUTANTS["with a spec of a wrong dtype"][0])
    assert str(first).startswith("square(float64[")


def test_unchecked_and_uncheckable_primitives():
    off = MUTANTS["off by 1%"][0]
    results = check_primitive(off, expected_failures={"derivatives": "off by 1%", "jvp": "as well"})
    assert results.failed_as_declared == {"derivatives": "off by 1%", "jvp": "as well"}
    with pytest.raises(CheckError, match="declared to fail, and they pass: spec"):
        check_primitive(off, expected_failures={"derivatives": "", "jvp": "", "spec": ""})
    with pytest.raises(gd.errors.ArgumentError, match="no checks are called"):
        check_primitive(off, expected_failures={"gradients": ""})
    with pytest.raises(CheckError, match="no samples"):
        check_primitive(Primitive("square", spec=same_spec))
