"""The demo's report: one HTML file that needs nothing else, with every number and picture in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from graphdiff.demo.circuit import Check, Edge
from graphdiff.demo.digits import EXAMPLES_DRAWN, Trained
from graphdiff.draw import Picture
from graphdiff.draw.layout import inline_svg
from graphdiff.train import Epoch

_WIDTH, _HEIGHT = 640, 240


def write_report(
    path: Path,
    edges: Sequence[Edge],
    checks: Sequence[Check],
    trained: Trained,
    pictures: Mapping[str, Picture],
) -> Path:
    """Fill the template and write it; names and numbers are escaped by the template engine."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(files(__package__).joinpath("report.html.j2").read_text("utf-8"))
    history = trained.history
    text = template.render(
        edges=edges,
        checks=checks,
        epochs=history.epochs,
        test=trained.test,
        test_count=len(trained.data.test.labels),
        train_count=len(trained.data.train.labels),
        drawn_count=EXAMPLES_DRAWN,
        parameter_count=trained.model.parameter_count,
        model=repr(trained.model),
        pictures={name: inline_svg(picture.svg.encode()) for name, picture in pictures.items()},
        curve=_curve(history.losses, history.epochs),
        width=_WIDTH,
        height=_HEIGHT,
    )
    path.write_text(text, encoding="utf-8")
    return path


def _curve(losses: Sequence[float], epochs: Sequence[Epoch]) -> dict[str, object]:
    """Points of the loss curves on a logarithmic scale, in the coordinates of an SVG."""
    held_out = [e.validation.loss for e in epochs if e.validation is not None]
    top = 10.0 ** np.ceil(np.log10(max(*losses, *held_out)))
    bottom = 10.0 ** np.floor(np.log10(max(1e-6, min(*losses, *held_out))))
    decades = np.log10(top / bottom)

    def down(loss: float) -> float:
        return float(_HEIGHT * np.log10(top / max(loss, bottom)) / decades)

    per_epoch = len(losses) / len(epochs)
    ticks = [top / 10**k for k in range(round(decades) + 1)]
    return {
        "train": _points([(i + 0.5) / len(losses) for i in range(len(losses))], map(down, losses)),
        "held_out": _points(
            [(k + 1) * per_epoch / len(losses) for k in range(len(held_out))], map(down, held_out)
        ),
        "ticks": [(down(t), f"{t:g}") for t in ticks],
        "last_epoch": len(epochs),
    }


def _points(across: Iterable[float], down: Iterable[float]) -> str:
    return " ".join(f"{_WIDTH * x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
