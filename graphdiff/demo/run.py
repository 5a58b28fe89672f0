"""The demo from start to end: tables on the console, pictures and a report in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import graphdiff as gd
from graphdiff.demo import circuit, digits
from graphdiff.demo.report import write_report
from graphdiff.errors import ArgumentError

if TYPE_CHECKING:
    from rich.table import Table


def run(out: Path, *, seed: int = 0, epochs: int = 20) -> Path:
    """Differentiate and draw the circuit, train on the digits, write the report.

    Returns:
        The report's path.

    Raises:
        ArgumentError: a folder that cannot be written.
        GradientError: a gradient that the numerical check contradicts.
    """
    from rich.console import Console

    console = Console()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ArgumentError(
            f"cannot write to {out}: {problem.strerror}", fix="choose another --out"
        ) from None

    back = circuit.differentiate()
    edges, checks = circuit.edges(back), circuit.checks(back)
    console.rule(f"f = (x + y) · z = {back.output.item():g}")
    console.print(_table(circuit.Edge._fields, edges))
    console.print(_table(circuit.Check._fields, checks))

    console.rule("handwritten digits")
    trained = digits.train(seed, epochs)
    for epoch in trained.history.epochs:
        if epoch.number in (1, epochs) or epoch.number % 5 == 0:
            console.print(_epoch_line(epoch))
    console.print(f"test accuracy {trained.test.accuracy:.4f} on {len(trained.data.test.labels)} images")

    network = digits.backward_of_a_batch(trained)
    pictures = {
        "circuit": gd.draw(back),
        "circuit_backward": gd.draw(back, show="backward"),
        "network": gd.draw(network, title="Two-layer network on handwritten digits"),
    }
    for name, picture in pictures.items():
        for suffix in ("svg", "png"):
            picture.save(out / f"{name}.{suffix}")
    report = write_report(out / "report.html", edges, checks, trained, pictures)
    console.print(f"pictures and report in [bold]{out}[/bold]: open {report}")
    return report


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str | float, ...]]) -> Table:
    from rich.table import Table

    table = Table(*titles)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, str) else f"{cell:.6g}" for cell in row))
    return table


def _epoch_line(epoch: gd.train.Epoch) -> str:
    held_out = epoch.validation
    assert held_out is not None
    return (
        f"epoch {epoch.number:3}  loss {epoch.train.loss:.4f}  accuracy {epoch.train.accuracy:.3f}"
        f"  held-out loss {held_out.loss:.4f}  accuracy {held_out.accuracy:.3f}"
    )
