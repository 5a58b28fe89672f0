"""The benchmark suite runs, compares losses first, and names what it does not know. Nothing is timed here."""

import json

import pytest
from click.testing import CliRunner

from graphdiff.bench import bench, table
from graphdiff.bench.run import _compare
from graphdiff.cli import main
from graphdiff.errors import ArgumentError


def test_contestants_start_from_the_same_weights_and_agree(tmp_path):
    path = tmp_path / "bench.json"
    arguments = ["bench", "--workload", "mlp-64", "--rounds", "2", "--json", str(path)]
    for contestant in ("graphdiff numpy compiled", "torch eager"):
        arguments += ["--contestant", contestant]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    measured = json.loads(path.read_text())
    assert measured["machine"]["threads"] == 2
    assert set(measured["workloads"]["mlp-64"]) == {"graphdiff numpy compiled", "torch eager"}
    rows = table(measured)
    assert rows[1][3] == "1.00"


def test_different_losses_end_the_measurement():
    with pytest.raises(ArgumentError, match="b has"):
        _compare({"a": [2.3, 2.2], "b": [2.3, 2.0]}, "mlp-64")


def test_unknown_names_are_answered():
    with pytest.raises(ArgumentError, match="unknown: mpl, keras"):
        bench(["mpl"], ["keras"])
