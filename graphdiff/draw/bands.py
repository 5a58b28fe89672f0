"""Bands: operations that no scope holds together, by their numbers in the order of computation.

A band says which operations it holds, how many of each kind, how deep and how wide it is, and the lines that
it comes from. ``unfold="1201-1300"`` shows these one by one, or in finer bands where they are many.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from graphdiff.draw import words
from graphdiff.draw.kinds import listing
from graphdiff.draw.subject import Subject
from graphdiff.errors import ArgumentError

Span = tuple[int, int]
"""The first and the last of some operations, counted from 1."""

_SPAN = re.compile(r"(\d[\d,]*)\s*[-–]\s*(\d[\d,]*)")
_MOST = 20  # bands of what is shown
_MOST_AROUND = 3  # bands before it, and after it


def span_of(name: str) -> Span | None:
    """The operations that a text such as ``"1,201–1,300"`` means, if it means any."""
    match = _SPAN.fullmatch(name.strip())
    return (int(match[1].replace(",", "")), int(match[2].replace(",", ""))) if match else None


def name_of(span: Span) -> str:
    return f"operations {span[0]:,}–{span[1]:,}"


def bands(count: int, room: int, spans: Sequence[Span]) -> Iterator[Span]:
    """All of so many operations: those of the spans one by one if there is room, the others in bands.

    Raises:
        ArgumentError: a span of operations that there are not.
    """
    for first, last in spans:
        if not 1 <= first <= last <= count:
            raise ArgumentError(
                f"there are no operations {first}-{last}",
                fix=f"name some of 1-{count}, the lower number first",
            )
    shown = 0
    for first, last in sorted(spans) or [(1, count)]:
        yield from _split((shown + 1, first - 1), _MOST_AROUND)
        first = max(first, shown + 1)
        single = last - first < room - 2 * _MOST_AROUND
        yield from _split((first, last), last - first + 1 if spans and single else min(_MOST, room))
        shown = max(shown, last)
    yield from _split((shown + 1, count), _MOST_AROUND)


def _split(span: Span, most: int) -> Iterator[Span]:
    first, last = span
    length = -(-(last + 1 - first) // max(1, most))
    for start in range(first, last + 1, max(1, length)):
        yield start, min(start + length - 1, last)


def told(members: Sequence[int], subject: Subject) -> str:
    """How deep and how wide a band is, and the lines that most of it comes from."""
    depths = Counter(subject.depths[i] for i in members)
    wide = max(depths.values())
    sources = Counter(source for i in members if (source := subject.items[i].node.source))
    facts = (
        f"depth {min(depths):,}–{max(depths):,}",
        f"up to {wide:,} side by side" if wide > 1 else "one after the other",
        _lines([source for source, _ in sources.most_common()]),
    )
    return " · ".join(filter(None, facts))


def _lines(sources: Sequence[str]) -> str:
    """``script.py:3, 5``: the lines of the file that is named first."""
    places = [source.replace("\\", "/").rpartition("/")[2].rpartition(":") for source in sources]
    file = places[0][0] if places else ""
    return (
        f"{words.short(file)}:{listing([line for name, _, line in places if name == file])}" if file else ""
    )
