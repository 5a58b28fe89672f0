"""Names that were meant, for errors about unknown ones, and names in written programs."""

from __future__ import annotations

import re
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


def identifier(name: str) -> str:
    """A name of any characters as the end of a Python identifier; two names may become one."""
    return re.sub(r"\W", "_", name, flags=re.ASCII)
