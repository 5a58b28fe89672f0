"""Strategies for property-based tests with Hypothesis (``pip install hypothesis``)::

    @given(sources())
    def test_rotation(source):
        check_gradients(rotate, source.array(source.shape(min_dims=1)))

    @given(graphs(), st.data())
    def test_pass(computation, data):
        g = data.draw(cotangents(computation(*computation.inputs)))
        ...

What fails shrinks to low ranks, sides of 1, values near 0 and few operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from graphdiff import ops
from graphdiff.graph import TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.tensor import Tensor
from graphdiff.testing.source import Array, Source

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


@st.composite
def shapes(
    draw: Draw, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3
) -> tuple[int, ...]:
    """Shapes; where ``min_side`` is 0, now and then with an empty axis."""
    return HypothesisSource(draw).shape(min_dims, max_dims, min_side, max_side)


@st.composite
def broadcastable_shapes(draw: Draw, n: int = 2) -> list[tuple[int, ...]]:
    """Lists of ``n`` shapes that broadcast together."""
    return HypothesisSource(draw).broadcastable(n)


@st.composite
def arrays(
    draw: Draw,
    shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None,
    dtype: str = "float64",
    low: float = -2.0,
    high: float = 2.0,
) -> Array:
    """Arrays of a dtype between ``low`` and ``high``, of any shape by default; floats are never integers, so
    that none lies on a kink."""
    source = HypothesisSource(draw)
    shape = shapes() if shape is None else shape
    chosen = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    if np.dtype(dtype).kind == "f":
        return source.array(chosen, low, high).astype(dtype)
    return source.integers(chosen, math.ceil(low), math.floor(high)).astype(dtype)


def cotangents(of: Tensor | TensorSpec) -> st.SearchStrategy[Array]:
    """Upstream gradients that suit a tensor: arrays of its shape and dtype."""
    return arrays(tuple(of.shape), str(of.dtype))


_UNARY = ("sin", "cos", "tanh", "sigmoid", "negative")
_BINARY = ("add", "multiply", "subtract")


@dataclass(frozen=True)
class Computation:
    """A smooth function of arrays that broadcast together, and inputs for it; ``graphdiff.make_graph`` and
    ``graphdiff.compile`` take it as it is.

    Attributes:
        inputs: what it may be called with.
        steps: names of operations, and which earlier values they take; inputs come first.
    """

    inputs: tuple[Array, ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]

    def __call__(self, *inputs: Any) -> Tensor:
        values: list[Any] = [as_tensor(x) for x in inputs]
        for name, operands in self.steps:
            values.append(getattr(ops, name)(*(values[k] for k in operands)))
        found: Tensor = values[-1]
        return found


@st.composite
def graphs(draw: Draw, max_operations: int = 8) -> Computation:
    """Computations of up to three inputs: values may be used several times, or not at all."""
    source = HypothesisSource(draw)
    shapes = source.broadcastable(source.integer(1, 3))
    steps = []
    for k in range(source.integer(1, max_operations)):
        name = source.choice((*_UNARY, *_BINARY))
        arity = 1 if name in _UNARY else 2
        steps.append((name, tuple(source.sequence(arity, 0, len(shapes) + k - 1))))
    return Computation(tuple(source.array(shape) for shape in shapes), tuple(steps))


def repeated(once: Callable[[Source], None], examples: int, seed: int) -> None:
    """Call ``once`` with sources drawn by Hypothesis; what it raises is raised of the smallest example."""
    quiet: dict[str, Any] = {"verbosity": Verbosity.quiet, "print_blob": False, "report_multiple_bugs": False}
    options: dict[str, Any] = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
    run = given(sources())(lambda source: once(source))
    settings(max_examples=examples, **options, **quiet)(start(seed)(run))()
