"""``graphdiff plugins list``, ``check`` and ``info``: what is installed, and what comes of loading it."""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import groupby
from typing import Any

from graphdiff.errors import PluginError, UnknownPluginError
from graphdiff.plugins.conformance import conformance
from graphdiff.plugins.discovery import installed, normalized
from graphdiff.plugins.plugin import PluginInfo
from graphdiff.plugins.registry import Registry, kinds
from graphdiff.plugins.settings import BUILT_IN
from graphdiff.spelling import nearest


def as_json() -> str:
    """Every plugin, and the distributions that could not be read. Loads nothing."""
    everything = _everything()
    plugins = [
        {
            "kind": info.kind,
            "name": info.name,
            "distribution": info.distribution,
            "version": info.version,
            "value": info.value,
            "status": info.status,
            "reason": _reason(info, everything),
        }
        for info in everything
    ]
    return json.dumps({"plugins": plugins, "unreadable": installed().unreadable}, indent=1)


def as_table() -> Any:
    """The same for people: a row for what a distribution brings of one kind, and for each that is amiss."""
    from rich.table import Column, Table

    everything = _everything()

    def row(info: PluginInfo) -> tuple[str, ...]:
        return info.provider, info.kind, info.status, _reason(info, everything)

    titles = ("distribution", "kind", "status", "brings", "reason")
    table = Table(*(Column(title, overflow="fold") for title in titles))  # nothing is cut
    for (*about, reason), alike in groupby(sorted(everything, key=lambda i: (_foreign(i), row(i))), row):
        table.add_row(*map(_text, (*about, ", ".join(info.name for info in alike), reason)))
    for text in installed().unreadable:
        table.add_row("", "", "unreadable", "", _text(text))
    return table


def load_all() -> bool:
    """Load every plugin that is not disabled.

    Returns:
        Whether each of them can be used, and every distribution was read.
    """
    found = [_loaded(info)[1] is None for info in _everything() if info.status != "disabled"]
    return all(found) and not installed().unreadable


def conformance_of(name: str) -> str:
    """What came of the checks of the plugins of a short or qualified name.

    Raises:
        UnknownPluginError: there is none. As for :func:`graphdiff.plugins.conformance.conformance`.
    """
    return "\n".join(map(conformance, _meant(name, _everything())))


def about(name: str) -> str:
    """What the plugins of a short or qualified name are, of whatever kind; loads them.

    Raises:
        UnknownPluginError: there is none.
    """
    return "\n\n".join(map(_description, _meant(name, _everything())))


def printable(text: str) -> str:
    """A stranger's text, without effect on the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _everything() -> list[PluginInfo]:
    found = [info for kind in kinds() for info in Registry(kind).list()]
    return sorted(found, key=lambda i: (_foreign(i), i.distribution.lower(), i.kind))


def _foreign(info: PluginInfo) -> bool:
    return info.distribution != BUILT_IN


def _qualified(name: str) -> tuple[str, str]:
    owner, _, short = name.partition(":")
    return normalized(owner), short


def _meant(name: str, everything: Sequence[PluginInfo]) -> list[PluginInfo]:
    whole = _qualified(name)
    meant = [info for info in everything if name == info.name or whole == _qualified(info.qualified)]
    if not meant:
        near = nearest(name, [info.qualified if ":" in name else info.name for info in everything])
        fix = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise UnknownPluginError(f"no plugin is called {name!r}", fix=f"{fix}graphdiff plugins list")
    return meant


def _loaded(info: PluginInfo) -> tuple[Any, PluginError | None]:
    try:
        with redirect_stdout(sys.stderr):  # what its modules print as they are imported
            return Registry(info.kind)[info.qualified], None
    except PluginError as error:
        return None, error


def _reason(info: PluginInfo, everything: Sequence[PluginInfo]) -> str:
    """Why it failed, or who else has its short name."""
    others = [
        other.provider
        for other in everything
        if (other.kind, other.name) == (info.kind, info.name)
        and other.distribution != info.distribution
        and "disabled" not in (other.status, info.status)
    ]
    shared = f"also of {' and '.join(others)}; this one is {info.qualified!r}" if others else ""
    return "; ".join(filter(None, (info.error, shared)))


def _text(text: str) -> Any:
    from rich.text import Text

    return Text(printable(text))


def _description(info: PluginInfo) -> str:
    plugin, error = (None, None) if info.status == "disabled" else _loaded(info)
    status = next(i.status for i in Registry(info.kind).list() if i.qualified == info.qualified)
    lines = [f"{info.kind} {info.name}", f"  of:     {info.provider} ({info.value})"]
    lines += [f"  name:   {info.qualified}", f"  status: {status}"]
    if error:
        cause = error.__cause__
        lines += ["", "".join(traceback.format_exception(cause)).rstrip()] if cause else []
        lines += ["", str(error)]
    elif plugin is not None:
        lines += [f"  {title} {text}" for title, text in _seen(plugin) if text]
    return printable("\n".join(lines))


def _seen(plugin: Any) -> list[tuple[str, str]]:
    does = (inspect.getdoc(plugin) or "").partition("\n\n")[0].replace("\n", " ")
    return [("file:  ", _file(plugin)), ("call:  ", _signature(plugin)), ("does:  ", does)]


class _Word(str):
    """An annotation that is shown without quotes."""

    __repr__ = str.__str__


def _file(plugin: Any) -> str:
    try:
        return f"{inspect.getsourcefile(plugin)}:{inspect.getsourcelines(plugin)[1]}"
    except (TypeError, OSError):  # no class or function, or one without a file
        return ""


def _signature(plugin: Any) -> str:
    try:
        signature = inspect.signature(plugin)
        parameters = [p.replace(annotation=_bare(p.annotation)) for p in signature.parameters.values()]
        shown = signature.replace(parameters=parameters, return_annotation=_bare(signature.return_annotation))
        return f"{plugin.__name__}{shown}"
    except (TypeError, ValueError, AttributeError):  # no function or class
        return ""


def _bare(annotation: Any) -> Any:
    return _Word(annotation) if isinstance(annotation, str) else annotation
