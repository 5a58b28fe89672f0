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
LOOKS = {
    "graphdiff numpy compiled": (BLUE, "o"), "graphdiff torch compiled": (ORANGE, "D"),
    "torch.compile": ("#000000", "s"), "jax": (GREEN, "^"), "mygrad": (PURPLE, "v"),
    "autograd": ("#E69F00", "P"), "tinygrad": ("#56B4E9", "X"), "micrograd": (GREY, "*"),
}  # fmt: skip
workloads = {w: found for w, found in result["workloads"].items() if measured(found.get("torch eager"))}
limits = {
    (target.workload, target.contestant): target.limit
    for target in TARGETS
    if target.rivals == ("torch eager",) and target.figure == "time"
}


def mark(spread, limit, y, colour, marker):
    """The quartiles as a line, the median as a marker with its number, and the target."""
    axes.plot([spread.low, spread.high], [y, y], color=colour, linewidth=1.2, zorder=3)
    axes.plot(spread.median, y, marker, color=colour, markersize=8, zorder=4)
    left, verdict = spread.median < 1, ""
    ends = [spread.low, spread.high]
    if limit is not None:
        axes.plot([limit] * 2, [y - 0.045, y + 0.045], color=colour, linewidth=3, zorder=2)
        verdict = " ✓" if spread.median <= limit else " ✗"
        ends.append(limit)
    axes.annotate(
        f"{spread.median:#.2g}".rstrip(".") + verdict, (min(ends) if left else max(ends), y),
        xytext=(-9 if left else 9, 0), textcoords="offset points", ha="right" if left else "left",
        va="center", fontsize=8, color="#222222",
    )  # fmt: skip


# %%
# A lane for each contestant within a workload's band, so that nothing lies on anything else.

figure, (axes,) = panels(size=(10, 1.6 + 1.5 * len(workloads)))
for band, (workload, found) in enumerate(workloads.items()):
    if band % 2 == 0:
        axes.axhspan(band - 0.5, band + 0.5, color="#f3f3f3", zorder=0)
    for lane, (name, look) in enumerate(LOOKS.items()):
        if measured(found.get(name)):
            ratio = time_ratio(found[name], found["torch eager"])
            mark(ratio, limits.get((workload, name)), band - 0.35 + 0.1 * lane, *look)

axes.axvline(1, color="#222222", linewidth=1, zorder=1)
axes.set_xscale("log")
low, high = axes.get_xlim()
axes.set(xlim=(low / 1.5, high * 1.5), ylim=(len(workloads) - 0.5, -0.5))
axes.set_yticks(range(len(workloads)), list(workloads))
ticks = [scale * digit for scale in (0.001, 0.01, 0.1, 1, 10, 100) for digit in (1, 2, 5)]
axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low / 1.5 < tick < high * 1.5]))
axes.xaxis.set_minor_locator(NullLocator())
axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
axes.set_xlabel("time of a step ÷ PyTorch eager (log scale; line: quartiles of the rounds)")
machine = result["machine"]
title = f"A training step on {machine['processor']}, {machine['threads']} threads"
axes.set_title(title, loc="left", fontsize=11)
for name, (colour, marker) in LOOKS.items():
    axes.plot([], [], marker, color=colour, label=name, markersize=8)
axes.plot([], [], "|", color="#222222", markersize=12, markeredgewidth=3, label="target: met ✓, missed ✗")
figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
axes.tick_params(axis="y", length=0)
axes.spines["left"].set_visible(False)
save(figure, "training_steps")
