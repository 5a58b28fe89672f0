"""The main job, as a user runs it."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.demo import circuit


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "new" / "folder"
    command = [sys.executable, "-m", "graphdiff", "demo", "--out", str(out), "--seed", "1", "--epochs", "12"]
    return out, subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_it_ends_well_and_says_how_good_the_network_is(demo):
    _, done = demo
    assert done.returncode == 0, done.stderr
    accuracy = float(re.search(r"test accuracy (\S+) on 450 images", done.stdout)[1])
    assert accuracy >= 0.95
    for number in ("-12", "-4", "3"):
        assert number in done.stdout


def test_it_leaves_pictures_and_one_report(demo):
    out, _ = demo
    names = {path.name for path in out.iterdir()}
    pictures = {
        f"{name}.{suffix}" for name in ("circuit", "circuit_backward", "network") for suffix in ("svg", "png")
    }
    assert names == pictures | {"report.html"}
    assert all((out / p).read_bytes().startswith(b"\x89PNG") for p in pictures if p.endswith("png"))


def test_the_report_needs_nothing_else(demo):
    out, _ = demo
    text = (out / "report.html").read_text("utf-8")
    assert text.count("<svg") == 4
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\((?!#)", text)
    fetched = re.findall(r"""(?:src|href)\s*=\s*["'](?!#)([^"']*)""", text)
    assert fetched == []


def test_the_circuits_numbers():
    back = circuit.differentiate()
    assert {(e.operand, e.local, e.upstream, e.contribution) for e in circuit.edges(back)} == {
        ("q", -4, 1, -4),
        ("z", 3, 1, 3),
        ("x", 1, -4, -4),
        ("y", 1, -4, -4),
    }
    assert [(c.variable, c.gradient) for c in circuit.checks(back)] == [("x", -4), ("y", -4), ("z", 3)]
    assert all(c.error < 1e-6 for c in circuit.checks(back))


def test_the_numerical_check_can_fail(monkeypatch):
    back = circuit.differentiate()
    monkeypatch.setattr(circuit, "numerical_gradient", lambda fn, x: gd.tensor(x * 1.001))
    with pytest.raises(gd.errors.GradientError, match=r"∂f/∂x is -4\.0, numerically"):
        circuit.checks(back)


def test_a_folder_that_cannot_be_written_is_answered(tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "file" / "below")])
    assert result.exit_code == 1
    assert "cannot write to" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("options", [["--epochs", "0"], ["--seed", "x"], ["--colour"]])
def test_wrong_options_are_answered(options):
    result = CliRunner().invoke(main, ["demo", *options])
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_plugins_are_listed():
    result = CliRunner().invoke(main, ["plugins", "list"])
    assert result.exit_code == 0
    for name in ("Linear", "hinge", "SGD", "digits", "numpy"):
        assert name in result.output


def test_the_version_is_the_distributions():
    import importlib.metadata

    assert gd.__version__ == importlib.metadata.version("graphdiff")
