"""Scopes that a user names: to fold, to unfold, and the ends of a path."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from graphdiff.arguments import shown
from graphdiff.draw.bands import Span, span_of
from graphdiff.draw.subject import Subject
from graphdiff.errors import ArgumentError
from graphdiff.primitive import Composite

Scope = tuple[str, ...]
Names = str | Collection[str]


@dataclass(frozen=True)
class Asked:
    """What a user wants folded and unfolded: scopes, and the names of composites, or ``True`` for all; and
    operations by their numbers."""

    folded: tuple[Scope, ...] = ()
    unfolded: tuple[Scope, ...] = ()
    composites: bool | tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()


def asked_for(subject: Subject, fold: Names, unfold: bool | Names) -> Asked:
    """The scopes and composites that names mean.

    Raises:
        ArgumentError: a name that fits no scope and no composite of the subject.
    """
    scopes = scopes_of(subject)
    folded = [scope for name in listed(fold) for scope in _named(scopes, name)]
    if isinstance(unfold, bool):
        return Asked(tuple(folded), (), unfold)
    primitives = [p for item in subject.items if (p := item.node.primitive)]
    composites = dict.fromkeys(p.name for p in primitives if isinstance(p, Composite))
    meant = [name for name in listed(unfold) if name in composites]
    unfolded: list[Scope] = []
    spans: list[Span] = []
    for name in listed(unfold):
        if (span := span_of(name)) and not matching(scopes, name):
            spans.append(span)
        elif name not in composites:
            unfolded += _named(scopes, name, {p.name for p in primitives}, composites)
    return Asked(tuple(folded), tuple(unfolded), tuple(meant), tuple(spans))


def _named(
    scopes: Sequence[Scope], name: str, primitives: Collection[str] = (), composites: Collection[str] = ()
) -> list[Scope]:
    if found := matching(scopes, name):
        return found
    if name in primitives:
        there = ", ".join(composites) or "none"
        raise ArgumentError(f"{name!r} is no composite", fix=f"composites here: {there}")
    what = "scope or composite" if primitives else "scope"
    raise unknown(name, [*map(".".join, scopes), *composites], what)


def parts(scope: str) -> Scope:
    """``features.conv1`` as its parts."""
    return tuple(part for part in scope.split(".") if part)


def listed(names: Names) -> tuple[str, ...]:
    """One name or several as several.

    Raises:
        ArgumentError: what is neither.
    """
    found = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    if not all(isinstance(name, str) for name in found):
        raise ArgumentError(
            f"fold or unfold={shown(names)} names no scopes", fix="give a name, or several in a list"
        )
    return found


def scopes_of(subject: Subject) -> list[Scope]:
    """Every scope that operations were recorded in, and those around them, in order."""
    found: dict[Scope, None] = {}
    for item in subject.items:
        if item.node.primitive is not None:
            whole = parts(item.node.scope)
            found.update(dict.fromkeys(whole[:n] for n in range(1, len(whole) + 1)))
    return list(found)


def matching(scopes: Iterable[Scope], pattern: str) -> list[Scope]:
    """The scopes whose path, or the end of it, fits a pattern: ``layer1``, ``layer3.*``, ``downsample``."""
    return [s for s in scopes if fits(".".join(s), pattern)]


def fits(name: str, pattern: str) -> bool:
    """Whether a dotted name, or the end of it, fits a glob pattern."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def unknown(name: str, there: Iterable[str], what: str) -> ArgumentError:
    """The error for a name that fits nothing: the nearest ones, else the first that there are."""
    known = list(dict.fromkeys(there))
    near = difflib.get_close_matches(name, known, cutoff=0.5)
    shown = near or [*known[:8], *["…"] * (len(known) > 8)]
    fix = f"{'did you mean' if near else 'there are'} {', '.join(map(repr, shown))}" if shown else ""
    return ArgumentError(f"{name!r} names no {what} of this graph", fix=fix or f"the graph has no {what}")
