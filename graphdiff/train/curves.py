"""A training run as curves, with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from graphdiff.train.history import History

# Blue and orange of Okabe and Ito's palette, which colour-blind people tell apart.
_TRAIN, _VALIDATION, _FAINT = "#0072B2", "#D55E00", "#9DB8CC"


def curves(history: History) -> Figure:
    """Loss, metrics, learning rate and gradient norm over the steps, one below the other.

    Raises:
        ArgumentError: matplotlib is not installed, or no epoch has ended.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ArgumentError("matplotlib is not installed", fix='pip install "graphdiff[plot]"') from None
    if not history.epochs:
        raise ArgumentError("no epoch has ended, so there is no curve", fix="train for at least one")
    names = list(history.epochs[0].train)
    figure = Figure(figsize=(7, 1.9 * (len(names) + 2)), layout="constrained")
    axes = figure.subplots(len(names) + 2, 1, sharex=True)
    steps = np.arange(1, len(history.losses) + 1)
    ends = steps[-1] * np.arange(1, len(history.epochs) + 1) / len(history.epochs)
    axes[0].plot(steps, history.losses, color=_FAINT, linewidth=0.8, label="each batch")
    for panel, name in zip(axes, names, strict=False):
        _metric(panel, name, ends, history)
    axes[-2].plot(steps, history.rates, color=_TRAIN)
    axes[-2].set_ylabel("learning rate")
    axes[-1].semilogy(steps, history.gradient_norms, color=_TRAIN, linewidth=0.8)
    axes[-1].set_ylabel("gradient norm")
    axes[-1].set_xlabel("step")
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def _metric(panel: Any, name: str, ends: Any, history: History) -> None:
    panel.plot(ends, [e.train[name] for e in history.epochs], color=_TRAIN, marker=".", label="training")
    measured = [e.validation[name] for e in history.epochs if e.validation]
    if len(measured) == len(ends):
        panel.plot(ends, measured, color=_VALIDATION, marker=".", linestyle="--", label="validation")
    # No formula to set, whatever dollars it has; and no half character, which no font has.
    panel.set_ylabel(name.encode(errors="replace").decode(), parse_math=False)
    panel.legend(frameon=False)
