"""What the scripts of the gallery have in common: where pictures go, colours, and plain axes."""

import sys
from pathlib import Path

try:
    import matplotlib
except ImportError:
    sys.exit("the gallery needs matplotlib: pip install 'graphdiff[plot]'")

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from graphdiff import Picture

plt.rcParams["svg.hashsalt"] = "graphdiff"  # the same file from the same numbers
plt.rcParams["figure.constrained_layout.w_pad"] = plt.rcParams["figure.constrained_layout.h_pad"] = 0.1

PICTURES = Path(__file__).parent / "pictures"
RESULTS = Path(__file__).parents[1] / "tests/benchmarks/results"  # what the benchmarks measured
saved = []  # what was saved, in order: (the picture, its file)

# Okabe and Ito's colours, told apart under every kind of colour blindness.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777"


def panels(columns=1, size=(7, 4.2), rows=1, **options):
    """A figure with axes side by side, row after row, without a frame."""
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)
    for panel in axes.flat:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes.flatten()


def bars(panel, scores, colours):
    """A bar for the mean of each row of scores, its standard deviation as a line, each score as a dot."""
    for place, (values, colour) in enumerate(zip(scores.values(), colours, strict=True)):
        mean, deviation = values.mean(), values.std(ddof=1)
        panel.bar(place, mean, color=colour, width=0.6, alpha=0.85)
        panel.errorbar(place + 0.12, mean, deviation, color="#222222", capsize=4)
        panel.plot([place - 0.12] * len(values), values, "o", color="white", markeredgecolor="#222222")
        top = max(values.max(), mean + deviation)
        panel.annotate(
            f"{mean:.1f} ± {deviation:.1f}", (place, top), (0, 7), textcoords="offset points", ha="center"
        )
    panel.set_xticks(range(len(scores)), list(scores))


def save(picture, name):
    """Keep a graphdiff picture or a matplotlib figure as SVG and PNG, an image as PNG."""
    svg, png = _file(name, "svg"), _file(name, "png")
    if isinstance(picture, Picture):
        picture.save(svg)
        picture.save(png)
    elif isinstance(picture, plt.Figure):
        picture.savefig(svg, metadata={"Date": None})
        picture.savefig(png, dpi=150)
        plt.close(picture)
    else:
        picture.save(png)
    saved.append((picture, svg if svg.exists() else png))


def save_page(picture, name):
    """Keep a graphdiff picture as an interactive page."""
    saved.append((picture, picture.save(_file(name, "html"))))


def _file(name, suffix):
    PICTURES.mkdir(exist_ok=True)
    return PICTURES / f"{name}.{suffix}"
