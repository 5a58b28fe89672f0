"""What is installed: one scan of the entry points of every distribution on the path."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from graphdiff.plugins.plugin import Plugin, PluginInfo

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

PREFIX = "graphdiff."
_IDENTITY = ("Name", "Version")


@dataclass
class Installed:
    """The plugins of every kind, and the distributions that could not be read, with the reason."""

    plugins: dict[str, list[Plugin]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


_lock = threading.Lock()
_installed: Installed | None = None


def normalized(distribution: str) -> str:
    """The one spelling under which package tools compare distribution names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def installed() -> Installed:
    """The result of the only scan since the process began or `forget` was called. Never raises."""
    global _installed
    with _lock:
        if _installed is None:
            _installed = _scan()
        return _installed


def forget() -> None:
    """Makes the next `installed` scan again, past the caches of the import system."""
    import importlib

    global _installed
    with _lock:
        importlib.invalidate_caches()
        _installed = None


def _scan() -> Installed:
    result = Installed()
    seen: set[str] = set()
    for distribution in _distributions(result.unreadable):
        try:
            plugins = _plugins_of(distribution)
        except Exception as error:  # metadata are files anyone may have damaged
            where = getattr(distribution, "_path", distribution)  # its name may be what is unreadable
            result.unreadable.append(f"{where}: {type(error).__name__}: {error}")
            continue
        # Of two copies of a distribution, the first on the path is the one Python imports.
        owner = normalized(plugins[0].info.distribution) if plugins else ""
        if owner not in seen:
            for plugin in plugins:
                result.plugins.setdefault(plugin.info.kind, []).append(plugin)
            seen.update({owner} - {""})
    result.unreadable[:] = dict.fromkeys(result.unreadable)  # a folder may be on the path twice
    return result


def _distributions(unreadable: list[str]) -> Iterator[Distribution]:
    from importlib.metadata import distributions

    try:
        yield from distributions()
    except Exception as error:
        unreadable.append(f"sys.path: {type(error).__name__}: {error}")


def _plugins_of(distribution: Distribution) -> list[Plugin]:
    # Most distributions have nothing for us: a look at the text spares reading their metadata.
    if PREFIX not in (distribution.read_text("entry_points.txt") or ""):
        return []
    ours = [entry for entry in distribution.entry_points if entry.group.startswith(PREFIX)]
    if not ours:
        return []
    name, version = _identity(distribution)
    found: dict[tuple[str, str], Plugin] = {}
    for entry in ours:
        kind = entry.group.removeprefix(PREFIX)
        info = PluginInfo(kind, entry.name, name, version, entry.value)
        found.setdefault((kind, entry.name), Plugin(info, partial(_loaded, entry)))
    return list(found.values())


def _loaded(entry: EntryPoint) -> Any:
    if not entry.pattern.match(entry.value):
        raise ValueError(f"its entry point {entry.value!r} is not written module:attribute")
    return entry.load()


def _identity(distribution: Distribution) -> tuple[str, str]:
    # Two lines of what would take longer to parse than the whole scan.
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    head = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    found = [
        re.search(rf"^{field}:[ \t]*(\S.*?)\s*$", head, re.MULTILINE | re.IGNORECASE) for field in _IDENTITY
    ]
    if None in found:
        raise ValueError("its metadata state no name or no version")
    name, version = (match.group(1) for match in found if match)
    return name, version
