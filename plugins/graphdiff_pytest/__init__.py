"""A plugin of pytest: ``pytest --graphdiff-backend=torch`` runs every test on another backend.

Each test runs inside ``graphdiff.backend(NAME)``; what a test chooses itself still counts. Without the option
nothing happens, and graphdiff is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("graphdiff").addoption(
        "--graphdiff-backend",
        metavar="NAME",
        help="the graphdiff backend that new tensors go to in every test: numpy, torch, or a plugin's",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    name = config.getoption("--graphdiff-backend")
    return f"graphdiff: on the backend {name}" if name else None


@pytest.fixture(autouse=True)
def _graphdiff_backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """On the backend that the command line names."""
    name = request.config.getoption("--graphdiff-backend")
    if not name:
        yield
        return
    from graphdiff.backend import backend

    with backend(name):
        yield
