"""What every backend owes: the kit's checks for each primitive, and the same for each public operation."""

import importlib

import backends.strict  # noqa: F401
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from ops.catalogue import PRIMITIVES
from ops.examples import EXAMPLES, draw_example

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.testing import RandomSource, check_backend, sources
from graphdiff.testing.backend import check_agreement, check_contract, results

for family in ("reduction", "shape", "indexing", "linear", "spatial"):
    importlib.import_module(f"ops.examples_{family}")

BACKENDS = ["numpy", "torch", "strict"]
CHECKS = {
    f"{backend}-{name}": check
    for backend in BACKENDS
    for name, check in check_backend.checks(backend, examples=settings.default.max_examples).items()
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_check(check):
    check()


def test_every_primitive_is_checked_on_every_backend():
    assert CHECKS.keys() == {f"{b}-{n}" for b in BACKENDS for n in ("complete", "arrays", *PRIMITIVES)}


# Public operations


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("backend", BACKENDS)
@given(source=sources())
def test_the_contract_is_kept(backend, name, source):
    with gd.backend(backend):
        case = draw_example(name, source)
        note(f"{case} on {case.inputs}")
        check_contract(case)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("backend", ["torch", "strict"])
@given(seed=st.integers(0, 2**32))
def test_value_and_derivatives_equal_numpys(backend, name, seed):
    expected = results(draw_example(name, RandomSource(seed)))
    with gd.backend(backend):
        case = draw_example(name, RandomSource(seed))  # drawn again, because a key may hold tensors
        check_agreement(case, expected)
        assert case.value.backend is get_backend(backend)
