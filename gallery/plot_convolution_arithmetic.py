"""
Convolution arithmetic
======================

A filter of F pixels slides over N pixels in strides of S, after P pixels of padding on either side. It has
(N + 2P − F) / S + 1 places, and where that is no whole number, it does not fit. Seven pixels, a filter of 3:
"""

import numpy as np
from figures import BLUE, GREY, ORANGE, PURPLE, panels, save
from matplotlib.patches import Rectangle

import graphdiff as gd
from graphdiff.errors import ShapeError

N, F = 7, 3
image, filters = gd.tensor(np.zeros((1, 1, N, N))), gd.tensor(np.zeros((1, 1, F, F)))


def cells(panel, size, left, top, colour):
    """A square of pixels."""
    for row, column in np.ndindex(size, size):
        panel.add_patch(Rectangle((left + column, top + row), 1, 1, facecolor=colour, edgecolor="white"))


def convolution(panel, stride, padding):
    """The pixels with their padding, the filter at its first two places and its last in a row,
    and what comes out."""
    wide = N + 2 * padding
    cells(panel, wide, 0, 0, "#e9e9e9")
    cells(panel, N, padding, padding, "#b9cfe0")
    lefts = range(0, wide - F + 1, stride)
    for left, colour in zip((*lefts[:2], *lefts[2:][-1:]), (BLUE, ORANGE, PURPLE), strict=False):
        inset = 0.15 if colour == ORANGE else 0.05
        side = F - 2 * inset
        panel.add_patch(Rectangle((left + inset, inset), side, side, fill=False, edgecolor=colour, lw=2.5))
    try:
        out = gd.conv2d(image, filters, stride=stride, padding=padding).shape[-1]
        cells(panel, out, (wide - out) / 2, wide + 1.2, "#9fcdbb")
        result = f"= {out}"
    except ShapeError as problem:
        print(problem, end="\n\n")
        panel.text(wide / 2, wide + 2.5, "does not fit", ha="center", color=ORANGE, fontsize=13)
        result = f"= {(wide - F) / stride + 1:.2f}"
    panel.text(wide / 2, wide + 0.75, "↓", ha="center", color=GREY, fontsize=14)
    panel.set_title(f"stride {stride}, padding {padding}\n({N} + 2·{padding} − {F}) / {stride} + 1 {result}")
    panel.set(xlim=(wide / 2 - 4.6, wide / 2 + 4.6), ylim=(17.3, -0.1), aspect="equal")
    panel.axis("off")


figure, axes = panels(4, size=(13, 7))
for panel, (stride, padding) in zip(axes, [(1, 0), (2, 0), (1, 1), (3, 0)], strict=True):
    convolution(panel, stride, padding)
save(figure, "convolution_arithmetic")
