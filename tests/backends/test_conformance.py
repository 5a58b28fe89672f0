"""What every backend owes: each primitive and each public operation keeps the kernel's contract, and gives
what NumPy gives, derivatives included."""

import importlib

import backends.strict_backend  # noqa: F401
import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from ops.catalogue import PRIMITIVES
from ops.examples import EXAMPLES, draw_example

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.testing import CHECKS, Case, RandomSource, sources
from graphdiff.testing.primitive import _second

for family in ("reduction", "shape", "indexing", "linear", "spatial"):
    importlib.import_module(f"ops.examples_{family}")

BACKENDS = ["numpy", "torch", "strict"]
OTHERS = ["torch", "strict"]
CONTRACT = ("spec", "unmutated", "layout", "float32", "linearity", "decomposition")
SUBJECTS = {f"{n} primitive": n for n in PRIMITIVES} | {n: n for n in EXAMPLES}


def draw(subject, source):
    name = SUBJECTS[subject]
    case = draw_example(name, source) if subject == name else Case.draw(PRIMITIVES[name], source)
    note(f"{case} on {case.inputs}")
    return case


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("backend", BACKENDS)
@given(source=sources())
def test_the_contract_is_kept(backend, subject, source):
    with gd.backend(backend):
        case = draw(subject, source)
        for name in CONTRACT:
            CHECKS[name](case)


def results(case):
    """Value, gradients and second derivatives on the current backend."""
    found = [case.value]
    if case.operands:
        g, tangents = case.directions()
        found += [*case.pull(g), *_second(case, g, tangents)]
    return [np.asarray(x) for x in found]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("backend", OTHERS)
@given(seed=st.integers(0, 2**32))
def test_value_and_derivatives_equal_numpys(backend, subject, seed):
    expected = results(draw(subject, RandomSource(seed)))
    with gd.backend(backend):
        case = draw(subject, RandomSource(seed))  # drawn again, because a key may hold tensors
        found = results(case)
        assert case.value.backend is get_backend(backend)
    for x, y in zip(found, expected, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x, y, rtol=case.tolerance, atol=case.tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_primitive_has_a_kernel_or_a_decomposition(backend):
    kernels = get_backend(backend).kernels
    lacking = {n for n, p in PRIMITIVES.items() if n not in kernels and not isinstance(p, gd.Composite)}
    assert not lacking
