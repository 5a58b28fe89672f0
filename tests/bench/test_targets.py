"""Targets judged on made-up results, and the tables that show them."""

import pytest

from graphdiff.bench import tables
from graphdiff.bench.contestants import CONTESTANTS
from graphdiff.bench.figures import Spread
from graphdiff.bench.targets import TARGETS, Target, judged, verdicts
from graphdiff.bench.workloads import WORKLOADS


def entry(*rounds, increase=100.0, first=1.0):
    return {
        "round_s": list(rounds),
        "median_s": sorted(rounds)[len(rounds) // 2],
        "quartile_low_s": min(rounds),
        "quartile_high_s": max(rounds),
        "first_s": first,
        "steady_s": first,
        "increase_mib": increase,
        "peak_mib": 2 * increase,
    }


FIGURES = {
    "ours": entry(1.0, 2.0, 1.0, increase=90.0, first=4.0),
    "theirs": entry(2.0, 2.0, 2.0),
    "slow": entry(8.0, 8.0, 8.0, increase=50.0),
    "absent": {"unavailable": "not installed"},
    "broken": {"failed": "ended with code 1"},
}


def verdict(contestant, rivals, limit, figure="time"):
    return judged(Target("w", contestant, rivals, limit, figure), {"w": FIGURES})


def test_a_target_is_met_up_to_its_limit():
    assert verdict("ours", ("theirs",), 0.5).met is True
    assert verdict("ours", ("theirs",), 0.49).met is False
    assert verdict("ours", ("theirs",), 0.5).value == Spread(0.5, 0.5, 0.75)


def test_the_fastest_rival_counts_and_absent_ones_do_not():
    assert verdict("ours", ("slow", "absent", "theirs"), 1.0).value.median == 0.5


@pytest.mark.parametrize(
    ("contestant", "rivals", "reason"),
    [
        ("ours", ("absent",), "absent: not installed"),
        ("broken", ("theirs",), "broken: ended with code 1"),
        ("nobody", ("theirs",), "nobody: was not asked for"),
    ],
)
def test_what_was_not_measured_is_neither_met_nor_missed(contestant, rivals, reason):
    found = verdict(contestant, rivals, 1.0)
    assert (found.met, found.value, found.word) == (None, None, "not measured")
    assert found.reason == reason


def test_memory_and_compiling_have_targets_too():
    assert verdict("ours", ("theirs",), 0.9, "memory").value.median == 0.9
    assert verdict("ours", (), 5.0, "compiling").value.median == 3.0


def test_every_target_names_a_workload_and_contestants_that_run_on_its_device():
    for target in TARGETS:
        device = WORKLOADS[target.workload].device
        for name in (target.contestant, *target.rivals):
            assert device in CONTESTANTS[name].devices, target


def test_a_run_is_judged_by_the_targets_of_its_workloads_alone():
    result = {"workloads": {"lenet5-64": {"graphdiff torch eager": entry(3.0), "torch eager": entry(1.0)}}}
    found = verdicts(result)
    assert {v.workload for v in found} == {"lenet5-64"}
    assert [v.word for v in found if v.value is not None] == ["missed"]


def kernel(family, name, ratio, shape="3×32×32→64 k3, batch 64"):
    return {
        "family": family,
        "kernel": name,
        "shape": shape,
        "ours_ms": ratio,
        "torch_ms": 1.0,
        "ratio_low": ratio,
        "ratio": ratio,
        "ratio_high": ratio,
    }


KERNELS = [kernel("convolution", "forward", 0.5, "small"), kernel("convolution", "forward", 2.0, "large")]


def test_the_slowest_kernel_is_judged_and_the_geometric_mean():
    slowest, mean = verdicts({"workloads": {}, "kernels": KERNELS})
    assert (slowest.word, slowest.value.median) == ("missed", 2.0)
    assert "large" in slowest.target
    assert (mean.word, mean.value.median) == ("met", pytest.approx(1.0))


def test_the_tables_have_a_cell_for_every_head():
    steps = {"torch eager": entry(0.002, 0.002), "jax": FIGURES["absent"], "mygrad": FIGURES["broken"]}
    result = {"workloads": {"scalar-10000": steps}, "kernels": KERNELS}
    shown = {
        tables.STEPS: tables.steps(result),
        tables.KERNELS: tables.kernels(KERNELS),
        tables.TARGETS: tables.targets(verdicts(result)),
    }
    for heads, rows in shown.items():
        assert rows
        assert {len(row) for row in rows} == {len(heads)}
    cells = [row[2] for row in shown[tables.STEPS]]
    assert cells[0] == "2 (2–2), 0.2 µs a node"
    assert cells[1:] == ["not installed", "failed: ended with code 1"]
