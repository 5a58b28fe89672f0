"""Sources of inputs for property-based tests with Hypothesis (``pip install hypothesis``)::

@given(sources())
def test_rotation(source):
    check_gradients(rotate, source.array(source.shape(min_dims=1)))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from graphdiff.testing.source import Source

try:
    from hypothesis import HealthCheck, Verbosity, given, settings
    from hypothesis import seed as start
    from hypothesis import strategies as st
except ModuleNotFoundError as problem:
    if problem.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "graphdiff.testing.strategies needs Hypothesis: pip install hypothesis "
        "(graphdiff.testing.RandomSource draws without it)",
        name="hypothesis",
    ) from None

T = TypeVar("T")


class Draw(Protocol):
    """What ``st.composite`` and ``st.data`` hand out."""

    def __call__(self, strategy: st.SearchStrategy[T], /) -> T: ...


class HypothesisSource(Source):
    """Draws through Hypothesis, element by element, so that a failing example shrinks to low ranks, sides
    of 1, values near 0 and arrays in order.

    Args:
        draw: the ``draw`` of a composite strategy, or ``data.draw``.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def sequence(self, count: int, low: int, high: int) -> list[int]:
        return self._draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    def permutation(self, n: int) -> tuple[int, ...]:
        return tuple(self._draw(st.permutations(range(n))))

    def __repr__(self) -> str:
        return "HypothesisSource()"


@st.composite
def sources(draw: Draw) -> HypothesisSource:
    """A source whose every draw Hypothesis knows and can shrink."""
    return HypothesisSource(draw)


def repeated(once: Callable[[Source], None], examples: int, seed: int) -> None:
    """Call ``once`` with sources drawn by Hypothesis; what it raises is raised of the smallest example."""
    quiet: dict[str, Any] = {"verbosity": Verbosity.quiet, "print_blob": False, "report_multiple_bugs": False}
    options: dict[str, Any] = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
    run = given(sources())(lambda source: once(source))
    settings(max_examples=examples, **options, **quiet)(start(seed)(run))()
