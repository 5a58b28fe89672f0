"""The layers' kit: every check catches the flaw that it is meant for, and nothing where there is none."""

import pytest
from testing.flawed_layers import FLAWS, SOUND

from graphdiff.testing import CheckError, check_layer
from graphdiff.testing.layer import CHECKS


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_layer_passes(name):
    results = check_layer(SOUND[name])
    assert set(results.passed) == CHECKS.keys()
    assert not results.failed_as_declared
    assert set(results.not_run) == {"refusals"}


@pytest.mark.parametrize("name", FLAWS)
def test_a_flaw_is_caught_by_the_check_meant_for_it(name):
    layer, meant = FLAWS[name]
    with pytest.raises(CheckError) as caught:
        check_layer.checks(layer)[meant]()
    assert str(caught.value).startswith(f"check_layer({layer.__name__}): check {meant!r} failed")


def test_every_check_has_a_flaw_to_catch():
    assert {meant for _, meant in FLAWS.values()} == CHECKS.keys()
