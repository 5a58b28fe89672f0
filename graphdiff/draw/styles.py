"""The built-in styles, each a function of what is drawn: from a subject to a picture."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphdiff.draw import words
from graphdiff.draw.building import overview_of
from graphdiff.draw.circuit import circuit_of
from graphdiff.draw.circuit_dot import circuit_dot
from graphdiff.draw.figures import Figures, annotated
from graphdiff.draw.first_bad import told
from graphdiff.draw.folding import BUDGET, folding_of
from graphdiff.draw.labels import labelled
from graphdiff.draw.modules_dot import modules_dot
from graphdiff.draw.picture import Picture
from graphdiff.draw.scopes import Asked
from graphdiff.draw.subject import Subject


@dataclass(frozen=True)
class Options:
    """What a picture is to be, in any style.

    Attributes:
        title: its heading.
        asked: the scopes to fold and to unfold.
        depth: the most levels of scopes.
        boxes: the most boxes.
        local_gradients: whether to print the derivative of each operation by each operand.
        figures: the numbers in boxes, and the first bad node.
    """

    title: str = ""
    asked: Asked = field(default_factory=Asked)
    depth: int | None = None
    boxes: int | None = None
    local_gradients: bool = False
    figures: Figures = field(default_factory=Figures)


def circuit(subject: Subject, options: Options) -> Picture:
    """A circle for every operation."""
    bad = options.figures.bad
    view = circuit_of(subject, options.local_gradients, bad)
    boxes = len(view.operators) + len(view.leaves) + len(view.results)

    def coarser(budget: int, why: str) -> Picture:
        return _coarser(subject, options, boxes, min(budget, BUDGET), why)

    title = " · ".join(filter(None, (options.title, told(bad) if bad else "")))
    return Picture(circuit_dot(view, title), view, title=title, boxes=boxes, coarser=coarser)


def tensor(subject: Subject, options: Options) -> Picture:
    """A box for every layer."""
    return _boxes(subject, options, "tensor")


def overview(subject: Subject, options: Options) -> Picture:
    """Few boxes: scopes folded, repeated pieces rolled up."""
    return _boxes(subject, options, "overview")


def _boxes(subject: Subject, options: Options, style: str, asked: int = 0, why: str = "") -> Picture:
    """The boxes of a subject; of so many that were asked for, some may be hidden for a reason."""
    folding = folding_of(options.asked, options.depth, options.boxes, style)
    view = overview_of(subject, folding, roll=style == "overview")
    view.boxes = labelled(view.boxes, view.subject)
    annotated(view, options.figures)
    boxes = len(view.boxes)
    asked = max(asked, boxes)
    if why:
        view.facts.insert(0, f"{words.plural(asked - boxes, 'box')} hidden: {why}")

    def coarser(budget: int, why: str) -> Picture:
        return _coarser(subject, options, asked, budget, why)

    return Picture(
        modules_dot(view, options.title),
        view,
        title=options.title,
        boxes=boxes,
        coarser=coarser,
    )


def _coarser(subject: Subject, options: Options, asked: int, budget: int, why: str) -> Picture:
    """Fewer boxes than were asked for, whatever was to be unfolded."""
    fewer = Options(options.title, boxes=budget, figures=options.figures)
    return _boxes(subject, fewer, "overview", asked, why)
