"""What the curves and bars of the gallery have in common: colours, plain axes, and two files a picture."""

import sys
from pathlib import Path

try:
    import matplotlib
except ImportError:
    sys.exit("this picture needs matplotlib: pip install 'graphdiff[plot]'")

matplotlib.use("Agg")
import matplotlib.pyplot as plt

plt.rcParams["svg.hashsalt"] = "graphdiff"  # the same file from the same numbers

# Okabe and Ito's colours, told apart under every kind of colour blindness.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777"


def panels(columns=1, size=(7, 4.2), **options):
    """A figure with axes side by side, without a frame."""
    figure, axes = plt.subplots(1, columns, figsize=size, layout="constrained", squeeze=False, **options)
    for panel in axes[0]:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes[0]


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


def save(figure, name):
    """Both forms of a picture."""
    pictures = Path(__file__).parent / "pictures"
    pictures.mkdir(exist_ok=True)
    for suffix in ("svg", "png"):
        path = pictures / f"{name}.{suffix}"
        figure.savefig(path, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
        print(path.name)
