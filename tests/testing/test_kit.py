"""How checks are run: one test for each, declared failures, what is not run, and the report."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from testing.flawed_layers import FLAWS, SOUND, squares

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.testing import CheckError, RandomSource, check_layer

OFF = FLAWS["a gradient off by 1 %"][0]
SLOPES = dict.fromkeys(("gradients", "second_order"), "off by 1 %, which is declared")


@check_layer.parametrize(OFF, refusals={"three": lambda: gd.zeros(3) + gd.zeros(2)}, expected_failures=SLOPES)
def test_each_check_is_a_test_and_declared_failures_are_expected(check):
    check()


def test_a_failure_is_one_screen_with_all_that_is_needed_to_repair_it():
    with pytest.raises(CheckError) as caught:
        check_layer(OFF)
    report = str(caught.value)
    assert "check_layer(Squares): check 'gradients' failed" in report
    assert "by argument input 0 is wrong in 4 of 4 elements" in report
    assert "sample:   Squares() on float64[2, 2]" in report
    assert "input 0: [[0.05 0.05] [0.05 0.05]]" in report
    assert "analytic         numerical" in report
    assert "blame:    flawed_" in report
    assert "by operand 0: float64[2, 2], in the forward graph, tests/testing/flawed_layers.py" in report
    assert "failed too: second_order" in report
    assert len(report.splitlines()) <= 24
    (picture,) = (line.split()[-1] for line in report.splitlines() if "picture:" in line)
    assert "<svg" in Path(picture).read_text()


def test_what_fails_in_the_backward_graph_alone_is_blamed_there():
    wrong = FLAWS["a wrong second derivative"][0]
    with pytest.raises(CheckError, match=r"blame:    flawed_\d+ by operand 0") as caught:
        check_layer.checks(wrong)["second_order"]()
    assert "second-order gradient by argument input 0" in str(caught.value)


def test_an_error_of_the_plugin_is_reported_with_the_sample():
    class Broken(gd.Module):
        def forward(self, x):
            raise RuntimeError("not today")

    with pytest.raises(CheckError, match=r"RuntimeError: not today\n  sample:   Broken\(\) on float64\[2\]"):
        check_layer.checks(Broken, lambda s: (Broken(), s.array((2,))))["spec"]()


def test_samples_that_are_missing_or_wrong_are_answered():
    with pytest.raises(ArgumentError, match="Linear has no samples"):
        check_layer(gd.layers.Linear)
    with pytest.raises(CheckError, match="not a module and its inputs"):
        check_layer(gd.layers.Linear, lambda source: np.zeros(3))


def test_failures_are_not_declared_of_checks_that_there_are_not():
    with pytest.raises(ArgumentError, match=r"no checks are called \['gradient'\]"):
        check_layer(OFF, expected_failures={"gradient": "?"})
    with pytest.raises(CheckError, match="declared to fail, and they pass: spec"):
        check_layer(OFF, expected_failures={"spec": "?", **SLOPES})


def test_results_say_what_was_not_run_and_why():
    text = str(check_layer(SOUND["squares"], examples=1))
    assert text.startswith("Squares: 16 checks passed: gradients, second_order")
    assert "not run: refusals: no refusals are declared" in text


def test_equal_seeds_draw_equal_samples_and_others_draw_others():
    def drawn(seed):
        seen = []
        kind = squares()

        def samples(source):
            layer, inputs = kind.samples(source)
            seen.append(inputs[0].tobytes())
            return layer, inputs

        check_layer.checks(kind, samples, seed=seed)["cotangents"]()
        return seen

    assert drawn(1) == drawn(1) != drawn(2)


def test_without_hypothesis_and_without_torch_the_checks_still_run():
    script = """
        import sys
        sys.modules["hypothesis"] = sys.modules["torch"] = None
        from graphdiff.testing import check_layer
        from graphdiff.testing.kit import find_spec
        import graphdiff as gd
        results = check_layer(gd.layers.Tanh, lambda s: (gd.layers.Tanh(), s.array((2, 3))))
        print(results)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "16 checks" not in done.stdout
    assert "not run: backends: torch is not installed" in done.stdout


def test_a_random_source_runs_the_checks_as_well():
    check = check_layer.checks(SOUND["squares"])["gradients"]
    check.run(check.draw(RandomSource(3)))
