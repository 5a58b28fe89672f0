"""``graphdiff plugins``: what it tells of a plugin, and how it fails."""

import json

import pytest
from click.testing import CliRunner

import graphdiff as gd
from graphdiff.cli import main


def run(*arguments):
    result = CliRunner().invoke(main, ["plugins", *arguments])
    return result.exit_code, result.output


def test_a_plugin_is_told_of_without_quotes_around_its_types():
    code, text = run("info", "Linear")
    assert code == 0
    for line in (
        "layers Linear",
        "of:     graphdiff 0.1.0 (graphdiff_layers:Linear)",
        "name:   graphdiff:Linear",
        "Linear(in_features: int, out_features: int, bias: bool = True, *, dtype: Any = 'float32', seed: ",
        "does:   y = x Wᵀ + b.",
    ):
        assert line in text
    assert "/linear.py:" in text
    assert run("info", "Graph_Diff:Linear")[0] == 1
    assert run("info", "GraphDiff:Linear")[1] == text


def test_a_name_of_several_kinds_tells_of_each():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gd.losses, "_scripts", {})
        gd.losses.register("Linear", abs)
        _, text = run("info", "Linear")
    assert "layers Linear" in text
    assert "losses Linear" in text
    assert "name:   script:Linear" in text


def test_an_unknown_name_is_answered_with_near_ones():
    for command in ("info", "check"):
        code, text = run(command, "Convd2")
        assert code == 1
        assert "no plugin is called 'Convd2'" in text
        assert "'Conv2d'" in text


def test_a_disabled_plugin_is_not_loaded(monkeypatch):
    monkeypatch.setenv("GRAPHDIFF_DISABLE_PLUGINS", "layers:Linear")
    code, text = run("info", "Linear")
    assert code == 0
    assert "status: disabled" in text
    assert "call:" not in text
    listed = json.loads(run("list", "--json")[1])["plugins"]
    assert [p["name"] for p in listed if p["status"] == "disabled"] == ["Linear"]


@pytest.mark.parametrize("wrong", [1.0, 1.01])
def test_the_check_reports_what_a_kit_finds(monkeypatch, wrong):
    monkeypatch.setattr(gd.primitives, "_scripts", {})
    gd.primitives.register(
        "halved_of_this_test",
        gd.Composite(
            "halved_of_this_test",
            lambda x: x / 2,
            vjp=(lambda g, out, x: wrong * g / 2,),
            samples=lambda source: ([source.array(source.shape())], {}),
        ),
    )
    code, text = run("check", "halved_of_this_test")
    assert code == (wrong != 1)
    assert ("checks passed" in text) == (wrong == 1)
    assert ("derivatives" in text.partition("\n")[0]) or wrong == 1


def test_what_has_no_samples_or_no_kit_cannot_be_checked():
    code, text = run("check", "hinge")
    assert (code, "hinge has no samples to be checked on" in text) == (1, True)
    code, text = run("check", ".svg")
    assert (code, "no checks of renderers by name" in text) == (1, True)


def test_everything_that_comes_along_loads():
    code, text = run("check")
    assert code == 0
    assert "failed" not in text
