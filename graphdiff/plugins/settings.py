"""The user's word on plugins: which provider of a name to prefer, and which plugins to leave out."""

from __future__ import annotations

import os
from typing import NamedTuple

from graphdiff.errors import PluginError
from graphdiff.plugins.discovery import normalized
from graphdiff.plugins.plugin import SCRIPT, PluginInfo

BUILT_IN = "graphdiff"
DISABLE = "GRAPHDIFF_DISABLE_PLUGINS"
PREFER = "GRAPHDIFF_PREFER"


class Preference(NamedTuple):
    """A preferred distribution, and where that was said."""

    distribution: str
    source: str


_preferences: dict[tuple[str, str], str] = {}


def set_preference(kind: str, name: str, distribution: str | None) -> None:
    """Prefers a distribution for a name in this process; None leaves it to the environment again."""
    if distribution is None:
        _preferences.pop((kind, name), None)
    else:
        _preferences[kind, name] = distribution


def preference(kind: str, name: str) -> Preference | None:
    """What was said of a short name in this process, else in the environment, else None.

    Raises PluginError if the environment variable cannot be understood.
    """
    if ":" in name:  # a qualified name works whatever is preferred
        return None
    if (kind, name) in _preferences:
        return Preference(_preferences[kind, name], "graphdiff.plugins.prefer")
    for item in _items(PREFER):
        subject, equals, distribution = item.partition("=")
        if not (equals and distribution.strip() and ":" in subject):
            raise PluginError(
                f"{PREFER} holds {item!r}, which prefers nothing",
                fix="write it as kind:name=distribution, comma between",
            )
        if subject.strip() == f"{kind}:{name}":
            return Preference(distribution.strip(), PREFER)
    return None


def is_disabled(plugin: PluginInfo) -> bool:
    """Whether the environment takes an installed plugin out. Scripts' own plugins always stay."""
    if plugin.distribution == SCRIPT:
        return False
    owner = normalized(plugin.distribution)
    for item in _items(DISABLE):
        scope, colon, name = item.partition(":")
        if colon:
            hit = name == plugin.name and (scope == plugin.kind or normalized(scope) == owner)
        else:
            hit = normalized(item) == owner or (item == "all" and owner != BUILT_IN)
        if hit:
            return True
    return False


def _items(variable: str) -> list[str]:
    return [item.strip() for item in os.environ.get(variable, "").split(",") if item.strip()]
