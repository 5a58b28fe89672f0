"""The checks that every backend passes, a stranger's too: which kernels are missing, by name, and for each
kernel whether it keeps the contract and gives what NumPy gives."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphdiff import ops
from graphdiff.backend import backend as on
from graphdiff.backend import get_backend
from graphdiff.dtypes import as_dtype
from graphdiff.ops.collective import Collective
from graphdiff.primitive import Composite, Primitive
from graphdiff.testing.comparing import equal, identical
from graphdiff.testing.kit import EXAMPLES, Check, Kit, NotRunError
from graphdiff.testing.primitive import CHECKS, Array, Case, second_derivatives
from graphdiff.testing.source import Source

CONTRACT = ("spec", "unmutated", "layout", "float32", "linearity", "decomposition")
"""The checks of a primitive that say something about its kernel."""

_DTYPES = ("float32", "float64", "int64", "bool")


def built_in() -> list[Primitive]:
    """Every primitive that the modules of ``graphdiff.ops`` define, sorted by name, but for those that
    several processes compute together: a backend need not work in more than one."""
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(ops.__path__, "graphdiff.ops.")]
    found = {id(v): v for m in modules for v in vars(m).values() if isinstance(v, Primitive)}
    alone = (p for p in found.values() if not isinstance(p, Collective))
    return sorted(alone, key=lambda p: p.name)


def results(case: Case) -> list[Array]:
    """Value, gradients and second derivatives on the current backend."""
    found: list[Any] = [case.value]
    if case.operands:
        g, tangents = case.directions()
        found += [*case.pull(g), *second_derivatives(case, g, tangents)]
    return [np.asarray(x) for x in found]


def check_contract(case: Case) -> None:
    """The kernel keeps the contract on the current backend."""
    for name in CONTRACT:
        CHECKS[name](case)


def check_agreement(case: Case, expected: Sequence[Array]) -> None:
    """Value and derivatives are the expected ones."""
    for k, (x, y) in enumerate(zip(results(case), expected, strict=True)):
        equal(f"{case}: result {k}, against NumPy's,", x, y, case.tolerance)


class _Backend:
    """A backend under test, chosen by name and options."""

    def __init__(self, name: str, options: Mapping[str, Any], primitives: Mapping[str, Primitive]) -> None:
        self.name, self.options, self.primitives = name, options, primitives

    def lacks(self, primitive: Primitive) -> bool:
        made = get_backend(self.name, **self.options)
        return made.kernel(primitive) is None and not isinstance(primitive, Composite)

    def complete(self, _: None) -> None:
        """Every primitive has a kernel, or a decomposition into others."""
        missing = [name for name, primitive in self.primitives.items() if self.lacks(primitive)]
        if missing:
            raise AssertionError(
                f"backend {self.name!r} has no kernel for {len(missing)} of {len(self.primitives)} "
                f"primitives: {', '.join(missing)}"
            )

    def arrays(self, x: Array) -> None:
        """Arrays come and go with their shapes, dtypes and values, and a copy is a copy."""
        made = get_backend(self.name, **self.options)
        for dtype in _DTYPES:
            value = x.astype(dtype)
            array = made.asarray(value, as_dtype(dtype), copy=True)
            spec = made.spec(array)
            if (spec.shape, str(spec.dtype)) != (value.shape, dtype):
                raise AssertionError(f"an array of {dtype}{list(value.shape)} is said to be {spec!r}")
            before = value.copy()
            value[...] = 0
            identical(f"an array of {dtype}, copied, there and back", made.to_numpy(array), before)
            full = made.full(x.shape, 1.0, as_dtype(dtype))
            identical(f"a full array of {dtype}", made.to_numpy(full), np.ones(x.shape, dtype))

    def kernel(self, case: Case) -> None:
        """The kernel keeps the contract and gives, with its derivatives, what NumPy gives."""
        if self.lacks(case.primitive):
            raise NotRunError(f"backend {self.name!r} has no kernel for {case.primitive.name!r}")
        with on("numpy"):
            expected = results(case) if self.name != "numpy" else []
        with on(self.name, **self.options) as made:
            there = case.with_inputs(case.inputs)
            check_contract(there)
            if expected:
                check_agreement(there, expected)
            if there.value.backend is not made:
                raise AssertionError(f"{case} was computed by {there.value.backend!r}")


@Kit
def check_backend(
    backend: str,
    primitives: Iterable[Primitive] = (),
    *,
    options: Mapping[str, Any] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
) -> Iterable[Check]:
    """Put a backend through every check: which primitives have no kernel, arrays to and fro, and for every
    primitive the kernel's contract (shape and dtype as the rule says, no operand changed, any memory layout)
    and the values of the NumPy backend, to the second derivative.

    Args:
        backend: its name, as for :func:`graphdiff.get_backend`.
        primitives: those of plugins, besides graphdiff's own.
        options: as for :func:`graphdiff.get_backend`, such as ``{"device": "cuda"}``.
        examples: how many samples each check draws.
        seed: of the draws; a failure can be repeated.

    Raises:
        CheckError: a check failed; ``complete`` names the primitives without a kernel.
        ArgumentError: an expected failure of an unknown check.
    """
    every = {p.name: p for p in (*built_in(), *primitives)}
    subject = _Backend(backend, options or {}, every)
    made = partial(Check, "check_backend", backend, seed=seed)
    yield made("complete", lambda source: None, subject.complete, examples=1)
    yield made("arrays", lambda source: source.array(source.shape()), subject.arrays, examples=examples)
    for name, primitive in every.items():
        draw: Callable[[Source], Case] = partial(Case.draw, primitive)
        yield made(name, draw, subject.kernel, examples=examples)
