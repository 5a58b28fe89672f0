"""Random programs give what torch's autograd gives: eagerly and compiled, on both backends."""

import os

import pytest
from random_programs import BINARY, UNARY, check, program


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_random_programs(start):
    for seed in range(start, start + 20):
        check(seed)


def test_random_programs_use_every_operation():
    assert {name for seed in range(300) for name, _ in program(seed).steps} == {*UNARY, *BINARY}


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(100))
def test_ten_thousand_random_programs(part):
    """``GRAPHDIFF_SEED`` starts elsewhere; a failure prints the program and its seed."""
    start = int(os.environ.get("GRAPHDIFF_SEED", "1000000")) + 100 * part
    print(f"programs {start} to {start + 99}")  # noqa: T201
    for seed in range(start, start + 100):
        check(seed)
