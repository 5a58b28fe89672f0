"""Names that were meant: what an error suggests in place of an unknown one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, names: Iterable[str]) -> list[str]:
    """The names that look most like a word, other than itself; the nearest first."""
    import difflib

    spelled = {name.lower(): name for name in names if name != word}
    return [spelled[near] for near in difflib.get_close_matches(word.lower(), spelled, cutoff=0.5)]


def choice(word: str, names: Iterable[str]) -> str:
    """What an error says of the names there are."""
    names = list(names)
    near = nearest(word, names)
    meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{meant}there are {', '.join(names)}"
