"""The demo's report: what it says about its pictures, and how it fits a narrow screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from draw.reading import needs_engine

import graphdiff as gd
from graphdiff.demo import circuit, digits
from graphdiff.demo.report import write_report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    back, trained = circuit.differentiate(), digits.train(0, 1)
    names = ("circuit", "circuit_backward", "network")
    pictures = {name: gd.draw(back) for name in names}
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, circuit.edges(back), circuit.checks(back), trained, pictures)
    return path.read_text("utf-8")


@needs_engine
def test_wide_tables_scroll_by_themselves(report: str) -> None:
    assert ".table { overflow-x: auto; }" in report
    assert report.count("<table>") == report.count('<div class="table"><table>') == 3


@needs_engine
def test_the_network_says_whose_gradients_it_shows(report: str) -> None:
    assert "the gradient norms are those of 64 held-out images" in report
