"""Contestants in processes of their own: started, compared, lost one by one. Nothing here asserts a time."""

import json
from importlib import util

import pytest
from click.testing import CliRunner

from graphdiff.bench import QUICK, bench, workloads
from graphdiff.bench.contestants import Contestant
from graphdiff.bench.process import Failure, Process
from graphdiff.bench.run import strangers
from graphdiff.bench.workloads import WORKLOADS, UnavailableError
from graphdiff.cli import main
from graphdiff.errors import ArgumentError

OURS = "graphdiff numpy compiled"


def test_a_run_from_the_command_line_measures_what_agrees_and_says_what_cannot_be_done(tmp_path):
    path = tmp_path / "bench.json"
    arguments = ["bench", "--quick", "--workload", "mlp-64", "--json", str(path)]
    for contestant in (OURS, "torch eager", "micrograd"):
        arguments += ["--contestant", contestant]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    saved = json.loads(path.read_text("utf-8"))
    assert saved["machine"]["threads"] == 2
    found = saved["workloads"]["mlp-64"]
    assert list(found) == [OURS, "torch eager", "micrograd"]
    why = "not made for a training step" if util.find_spec("micrograd") else "micrograd is not installed"
    assert found["micrograd"]["unavailable"].startswith(why)
    for name in (OURS, "torch eager"):
        assert len(found[name]["round_s"]) == QUICK.rounds
        assert min(found[name]["median_s"], found[name]["first_s"]) > 0
        assert 0 < found[name]["increase_mib"] < found[name]["peak_mib"]
    assert why in result.output
    assert "÷ torch eager" in result.output


def test_one_that_ends_early_loses_nobody_elses_figures():
    said, kept = [], []
    names = ["graphdiff numpy eager", "graphdiff torch aten", OURS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphdiff.bench.run.Process", _without_eager)
        result = bench(["mlp-64"], names, QUICK, say=said.append, keep=lambda r: kept.append(dict(r)))
    found = result["workloads"]["mlp-64"]
    assert found["graphdiff numpy eager"] == {"failed": "ended with code 1: KeyError: 'nobody'"}
    assert "median_s" in found[OURS]
    assert kept == [result]
    assert any("KeyError" in line for line in said)


def _without_eager(contestant, workload, arrays):
    process = Process("nobody" if contestant == "graphdiff numpy eager" else contestant, workload, arrays)
    process.contestant = contestant
    return process


def test_one_that_does_not_answer_is_given_up():
    process = Process(OURS, WORKLOADS["mlp-64"], "nowhere.npz")
    try:
        with pytest.raises(Failure, match="no answer in 0 s"):
            process.hear(0.01)
    finally:
        process.close()


def test_who_computes_something_else_is_refused():
    losses = {
        "jax": [2.3, 2.2],
        "torch eager": [2.3, 2.0],
        "mygrad": [2.3001, 2.0],
        "nan": [2.3, float("nan")],
    }
    found = strangers(losses, 0.01)
    assert set(found) == {"jax", "nan"}
    assert found["jax"] == "has losses 2.3, 2.2, torch eager has 2.3, 2"
    assert set(strangers({"a": [1.0], "b": [2.0]}, 0.01)) == {"b"}
    assert strangers({}, 0.01) == {}


def test_unknown_names_are_answered():
    with pytest.raises(ArgumentError, match="unknown: mpl, keras"):
        bench(["mpl"], ["keras"])


def test_a_package_that_is_missing_is_no_error():
    with pytest.raises(UnavailableError, match="no_such_package is not installed"):
        Contestant("jax", ("no_such_package",)).load()


def test_a_model_that_is_missing_is_no_error_of_the_others():
    with pytest.raises(UnavailableError, match="has no 'no_such_model'"):
        workloads._zoo("no_such_model")()
