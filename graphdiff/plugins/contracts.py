"""What the plugins of a kind have to be: asked of an object when it is loaded or registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Contract(NamedTuple):
    """A condition, and how a message puts it: "a layer has to be …"."""

    wanted: str
    holds: Callable[[Any], bool]


ANYTHING = Contract("anything", lambda plugin: True)
CALLABLE = Contract("something to call", callable)


def makes(base: type) -> Contract:
    """A subclass, or a function that makes an instance of one."""
    return Contract(
        f"a subclass of {base.__name__}, or a function that makes one",
        lambda plugin: issubclass(plugin, base) if isinstance(plugin, type) else callable(plugin),
    )


def instance_of(base: type) -> Contract:
    return Contract(f"a {base.__name__}", lambda plugin: isinstance(plugin, base))
