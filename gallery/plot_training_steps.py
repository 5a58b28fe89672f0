"""
Training steps beside other libraries
=====================================

One training step (forward, loss, backward, update) on the same weights and data, relative to PyTorch's eager
mode in the same run: left of the line is faster. The figures are those that ``graphdiff bench`` measured on
the machine named in the title; a short bar across a row is graphdiff's target, met (✓) or missed (✗).
"""

import json

from figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RESULTS, panels, save
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from graphdiff.bench.figures import measured, time_ratio
from graphdiff.bench.targets import TARGETS

result = json.loads((RESULTS / "training_steps.json").read_text("utf-8"))

# Okabe and Ito's colours: told apart under every kind of colour blindness, and each has a marker of its own.
LOOKS = {
    "graphdiff numpy compiled": (BLUE, "o"),
    "graphdiff torch compiled": (ORANGE, "D"),
    "torch.compile": ("#000000", "s"),
    "jax": (GREEN, "^"),
    "mygrad": (PURPLE, "v"),
    "autograd": ("#E69F00", "P"),
    "tinygrad": ("#56B4E9", "X"),
    "micrograd": (GREY, "*"),
}


def ratios(found):
    """Contestant -> spread of its ratio to PyTorch's eager mode."""
    reference = found.get("torch eager")
    if not measured(reference):
        return {}
    return {name: time_ratio(found[name], reference) for name in LOOKS if measured(found.get(name))}


rows = {w: r for w, found in result["workloads"].items() if (r := ratios(found))}
limits = {
    (target.workload, target.contestant): target.limit
    for target in TARGETS
    if target.rivals == ("torch eager",) and target.figure == "time"
}


def write(spread, limit, y):
    """The number beside a marker, away from the line at 1, with a tick or a cross where there is a target."""
    median, left = spread.median, spread.median < 1
    verdict = "" if limit is None else " ✓" if median <= limit else " ✗"
    ends = [spread.low, spread.high, *([] if limit is None else [limit])]
    axes.annotate(
        (f"{median:.2g}" if median < 10 else f"{median:.0f}") + verdict,
        (min(ends) if left else max(ends), y),
        xytext=(-9 if left else 9, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=8,
        color="#222222",
    )


# %%
# A lane for each contestant within a workload's band, so that nothing lies on anything else.

figure, (axes,) = panels(size=(10, 1.6 + 1.5 * len(rows)))
lane = 0.8 / len(LOOKS)
for band, (workload, found) in enumerate(rows.items()):
    if band % 2 == 0:
        axes.axhspan(band - 0.5, band + 0.5, color="#f3f3f3", zorder=0)
    for k, (name, (colour, marker)) in enumerate(LOOKS.items()):
        y = band - 0.4 + (k + 0.5) * lane
        if (limit := limits.get((workload, name))) is not None:
            axes.plot([limit] * 2, [y - 0.45 * lane, y + 0.45 * lane], color=colour, linewidth=3, zorder=2)
        if (spread := found.get(name)) is not None:
            axes.plot([spread.low, spread.high], [y, y], color=colour, linewidth=1.2, zorder=3)
            axes.plot(spread.median, y, marker, color=colour, markersize=8, zorder=4)
            write(spread, limit, y)

axes.axvline(1, color="#222222", linewidth=1, zorder=1)
axes.set_xscale("log")
low, high = axes.get_xlim()
low, high = low / 1.5, high * 1.5
axes.set_xlim(low, high)
axes.set_ylim(len(rows) - 0.5, -0.5)
axes.set_yticks(range(len(rows)), list(rows))
ticks = [
    t for t in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low < t < high * 1.6
]
axes.xaxis.set_major_locator(FixedLocator(ticks))
axes.xaxis.set_minor_locator(NullLocator())
axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
axes.set_xlabel("time of a step ÷ PyTorch eager (log scale; line: quartiles of the rounds)")
machine = result["machine"]
axes.set_title(
    f"A training step on {machine['processor']}, {machine['threads']} threads", loc="left", fontsize=11
)
for name, (colour, marker) in LOOKS.items():
    axes.plot([], [], marker, color=colour, label=name, markersize=8)
axes.plot([], [], "|", color="#222222", markersize=12, markeredgewidth=3, label="target: met ✓, missed ✗")
figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
axes.tick_params(axis="y", length=0)
axes.spines["left"].set_visible(False)
save(figure, "training_steps")
