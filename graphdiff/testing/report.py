"""What a failed check says, on one screen: which check, the smallest input that fails, analytic beside
numerical gradient, the edge to blame, and where a picture of it is."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.testing.blame import blamed
from graphdiff.testing.gradients import GradientCheckError

_ROWS = 6
_LINES = 14  # of the message of a check, and of a circuit as text


class CheckError(AssertionError):
    """A check that failed; the text is the report."""


def report(kit: str, subject: str, check: str, sample: Any, problem: BaseException) -> str:
    """The report on a sample that fails."""
    lines = [f"{kit}({subject}): check {check!r} failed", *_titled("what", _said(problem))]
    lines += _titled("sample", "none could be drawn" if sample is None else str(sample))
    if isinstance(problem, GradientCheckError) and problem.numerical is not None:
        lines += _titled("gradient", _table(problem.analytic, problem.numerical))
    lines += _pictured(f"{subject}-{check}", sample, isinstance(problem, GradientCheckError))
    return "\n".join(lines)


def _said(problem: BaseException) -> str:
    text = str(problem) if isinstance(problem, AssertionError) else f"{type(problem).__name__}: {problem}"
    return _short(text or type(problem).__name__)


def _short(text: str) -> str:
    lines = text.splitlines()
    return "\n".join([*lines[:_LINES], *(["…"] if len(lines) > _LINES else [])])


def _titled(title: str, text: str) -> list[str]:
    first, *rest = text.splitlines() or [""]
    return [f"  {title + ':':<10}{first}", *(f"{'':12}{line}" for line in rest)]


def _table(analytic: Any, numerical: Any) -> str:
    """The worst elements first."""
    a, n = np.ravel(analytic), np.ravel(numerical)
    if a.shape != n.shape:
        return f"analytic of shape {np.shape(analytic)}, numerical of shape {np.shape(numerical)}"
    worst = np.argsort(-np.nan_to_num(np.abs(a - n), nan=np.inf), kind="stable")[:_ROWS]
    rows = [f"{'at':<14}{'analytic':>18}{'numerical':>18}"]
    for k in worst:
        place = tuple(int(i) for i in np.unravel_index(k, np.shape(numerical)))
        rows.append(f"{place!s:<14}{a[k]:>18.9g}{n[k]:>18.9g}")
    return "\n".join(rows)


def _pictured(name: str, sample: Any, blaming: bool) -> list[str]:
    """The edge to blame and a picture, where the sample has a backward record to look at."""
    try:
        back = sample.backward()
        if back is None:
            return []
        lines = _titled("blame", blamed(back)) if blaming else []
        return lines + _titled("picture", _picture(name, back))
    except Exception as problem:  # of what is already known to be wrong: the report must not fail over it
        return _titled("picture", f"none: {type(problem).__name__}: {problem}".splitlines()[0])


@cache
def _folder() -> Path:
    """One for each process."""
    return Path(tempfile.mkdtemp(prefix="graphdiff-checks-"))


def _picture(name: str, back: Any) -> str:
    from graphdiff.draw import draw
    from graphdiff.errors import DrawingError

    path = _folder() / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}.svg"
    try:
        draw(back.output, gradients=back).save(path)
    except DrawingError:  # no layout engine here
        return _short(str(back.forward_graph))
    return str(path)
