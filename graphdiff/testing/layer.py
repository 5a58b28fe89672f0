"""The checks that every layer passes, a plugin's too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from graphdiff.errors import ArgumentError
from graphdiff.module import Module
from graphdiff.testing import layer_behaviour, layer_derivatives, running
from graphdiff.testing.kit import EXAMPLES, Check, Kit
from graphdiff.testing.module import ModuleCase, Samples

CHECKS: Mapping[str, Callable[[ModuleCase], None]] = {
    **layer_derivatives.CHECKS,
    **layer_behaviour.CHECKS,
    "compiled": running.check_compiled,
    "backends": running.check_backends,
}
"""The checks that need nothing but the layer and samples of it."""


@Kit
def check_layer(
    layer: Callable[..., Module],
    samples: Samples | None = None,
    *,
    refusals: Mapping[str, Callable[[], Any]] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
) -> Iterable[Check]:
    """Put a layer through every check: gradients to second order against finite differences, their shapes and
    linearity, specs, precision, memory, modes, state, copies, drawing, compiled calls, another backend.

    Args:
        layer: the layer's class, or a function that makes one.
        samples: ``samples(source) -> (layer, inputs)``: one to check, and arrays that suit it, drawn from a
            :class:`graphdiff.testing.Source`; by default the class's own ``samples``.
        refusals: what must be refused -> a call that must raise a :class:`graphdiff.GraphdiffError` with a
            fix.
        examples: how many samples each check draws.
        seed: of the draws; a failure can be repeated.

    Raises:
        CheckError: a check failed; the report on its smallest failing sample.
        ArgumentError: no samples, or an expected failure of an unknown check.
    """
    name = getattr(layer, "__name__", repr(layer))
    draw = partial(ModuleCase.draw, samples_of(layer, samples, name))
    table = {**CHECKS, "refusals": layer_behaviour.refusals(dict(refusals or {}))}
    return [Check("check_layer", name, key, draw, run, examples, seed) for key, run in table.items()]


def samples_of(plugin: Any, samples: Any, name: str) -> Any:
    """The samples given, or the plugin's own.

    Raises:
        ArgumentError: neither.
    """
    found = getattr(plugin, "samples", None) if samples is None else samples
    if found is None:
        raise ArgumentError(
            f"{name} has no samples to be checked on",
            fix="give samples=lambda source: (made, [source.array(source.shape())]), "
            "or the class a static method of that name",
        )
    return found
