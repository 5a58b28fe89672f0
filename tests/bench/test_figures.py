"""Medians, quartiles and ratios, on made-up times."""

import pytest

from graphdiff.bench.figures import Spread, measured, memory, summary, time_ratio

STARTED = {"import_s": 1.0, "build_s": 0.5, "warm_up_s": [3.0, 0.1, 0.4, 0.1], "losses": [2.3, 2.2, 2.1]}


def turn(*seconds, peak=100.0):
    return {"seconds": list(seconds), "peak_mib": peak, "increase_mib": peak - 60}


def test_the_spread_lies_between_the_quartiles():
    assert Spread.of([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(2.0, 3.0, 4.0)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)
    assert str(Spread(0.5, 1.0, 2.0)) == "1.00 (0.50–2.00)"
    assert str(Spread(0.0123, 0.0456, 2.0)) == "0.046 (0.012–2.00)"


def test_a_summary_tells_compiling_from_steps():
    found = summary(STARTED, [turn(0.1, 0.2, 0.1), turn(0.1, peak=120.0)])
    assert found["median_s"] == 0.1
    assert found["round_s"] == [0.1, 0.1]
    assert found["first_s"] == 3.5  # building and the first step
    assert found["steady_s"] == pytest.approx(4.0)  # up to the last step that took long
    assert (found["peak_mib"], found["increase_mib"]) == (120.0, 60.0)
    assert measured(found)
    assert not measured({"unavailable": "not installed"})
    assert not measured(None)


def test_steps_steady_from_the_first_need_building_alone():
    assert summary(STARTED | {"warm_up_s": [0.1, 0.1, 0.1]}, [turn(0.1)])["steady_s"] == 0.5


def test_a_ratio_is_taken_round_by_round():
    calm, disturbed = {"round_s": [1.0, 1.0, 1.0]}, {"round_s": [2.0, 9.0, 2.0, 5.0]}
    assert time_ratio(disturbed, calm) == Spread(2.0, 2.0, 5.5)
    # What slows a round for both changes no ratio.
    assert time_ratio({"round_s": [1.0, 10.0]}, {"round_s": [2.0, 20.0]}) == Spread(0.5, 0.5, 0.5)


def test_a_gpus_memory_counts_where_there_is_one():
    assert memory({"increase_mib": 5.0}) == 5.0
    assert memory({"increase_mib": 5.0, "gpu_peak_mib": 7.0}) == 7.0
