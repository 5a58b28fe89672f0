"""What a failed look-up says: what is wrong, what is there instead, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphdiff.plugins.discovery import installed
from graphdiff.plugins.plugin import PluginInfo
from graphdiff.plugins.settings import DISABLE, PREFER, Preference
from graphdiff.spelling import nearest


def taken(owners: Sequence[PluginInfo]) -> tuple[str, str]:
    """A script registers a name that installed distributions have: what is wrong, and the remedy."""
    return (
        f"{_subject(owners)} is already provided by {_providers(owners)}",
        "register it under another name, or pass override=True to take this one's place",
    )


def conflict(owners: Sequence[PluginInfo]) -> tuple[str, str]:
    """Several distributions provide one short name: what is wrong, and the remedy."""
    one, subject = owners[0], _subject(owners)
    return (
        f"{subject} is provided by {_providers(owners)}",
        (
            f"say which: {' or '.join(f'{p.kind}[{p.qualified!r}]' for p in owners)}; or prefer one for the "
            f'short name: {PREFER}="{subject}={one.distribution}" in the environment, '
            f'graphdiff.plugins.prefer("{one.kind}", "{one.name}", "{one.distribution}") in Python'
        ),
    )


def preferred_in_vain(preferred: Preference, owners: Sequence[PluginInfo]) -> tuple[str, str]:
    """The preferred distribution does not provide the name, or is disabled: what is wrong, and the remedy."""
    return (
        (
            f"{preferred.source} prefers {preferred.distribution!r} for {_subject(owners)}, and no enabled "
            "plugin of that distribution has this name"
        ),
        f"it is provided by {_providers(owners)}: prefer one of these, or undo the preference",
    )


def unknown(kind: str, key: str, disabled: Sequence[PluginInfo], there: Sequence[PluginInfo]) -> str:
    """Nobody provides `key`, or all its providers are disabled; `there` are the plugins of the kind."""
    lines = [f"no {kind} plugin is called {key!r}."]
    if disabled:
        lines = [f"the {kind} plugin {key!r} of {_providers(disabled)}: change {DISABLE} to use it."]
    if near := nearest(key, [plugin.qualified if ":" in key else plugin.name for plugin in there]):
        lines.append(f"Did you mean {' or '.join(map(repr, near))}?")
    names: dict[str, list[str]] = {}
    for plugin in there:
        names.setdefault(plugin.provider, []).append(plugin.name)
    lines += [f"Installed from {provider}: {', '.join(names[provider])}." for provider in names]
    if not names:
        lines.append(f"No {kind} plugin is installed; graphdiff brings its own (pip install graphdiff).")
    lines += [f"Not usable: {p} {p.error}." for p in there if p.status in ("failed", "incompatible")]
    lines += [f"Skipped, as its metadata cannot be read: {text}." for text in installed().unreadable]
    return "\n".join(lines)


def _subject(plugins: Sequence[PluginInfo]) -> str:
    return f"{plugins[0].kind}:{plugins[0].name}"


def _providers(plugins: Iterable[PluginInfo]) -> str:
    marks = {"disabled": f" (disabled by {DISABLE})"}
    return " and ".join(plugin.provider + marks.get(plugin.status, "") for plugin in plugins)
