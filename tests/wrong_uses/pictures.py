"""Pictures, reports and graphs."""

import numpy as np

import graphdiff as gd
from graphdiff.testing import check_gradients

X = gd.variable(np.ones((2, 3)), name="x")
F = gd.sum(gd.tanh(X))
LAYER = gd.layers.Linear(3, 2)

WRONG = {
    "a picture of a number": (lambda: gd.draw(3), ["int"]),
    "a picture of a module": (lambda: gd.draw(LAYER), ["Linear"]),
    "an unknown style": (lambda: gd.draw(F, style="sketch"), ["sketch", "circuit"]),
    "a style that is no name": (lambda: gd.draw(F, style=3), ["style=3"]),
    "an unknown pass": (lambda: gd.draw(F, show="all"), ["all", "forward"]),
    "a record of another graph": (
        lambda: gd.draw(F, gradients=gd.sum(gd.variable(1.0)).backward()),
        ["took no part"],
    ),
    "gradients that are no record": (lambda: gd.draw(F, gradients=3), ["gradients=3", "no record"]),
    "local gradients without a backward pass": (lambda: gd.draw(F, local_gradients=True), ["backward"]),
    "an unknown scope to fold": (lambda: gd.draw(F, fold=["conv1"]), ["conv1"]),
    "an unknown composite to unfold": (lambda: gd.draw(F, unfold=["conv1"]), ["conv1"]),
    "scopes that are a number": (lambda: gd.draw(F, fold=3), ["fold"]),
    "a path between what is not there": (lambda: gd.draw(F, between=("a", "b")), ["'a'"]),
    "a path of one end": (lambda: gd.draw(F, between=("x",)), ["between"]),
    "an unknown kind of leaf": (lambda: gd.draw(F, hide=["weights"]), ["weights"]),
    "an unknown number": (lambda: gd.draw(F, style="tensor", numbers=["watts"]), ["watts"]),
    "an unknown colour": (lambda: gd.draw(F, style="tensor", color="heat"), ["heat"]),
    "no boxes": (lambda: gd.draw(F, style="overview", boxes=0), ["boxes=0"]),
    "half a box": (lambda: gd.draw(F, style="overview", boxes=1.5), ["boxes=1.5"]),
    "a negative depth": (lambda: gd.draw(F, style="overview", depth=-1), ["depth=-1"]),
    "a depth of text": (lambda: gd.draw(F, style="overview", depth="a"), ["depth='a'"]),
    "a title that is a number": (lambda: gd.draw(F, title=3), ["title=3"]),
    "the difference of numbers": (lambda: gd.draw_diff(1, 2), ["int"]),
    "steps of nothing": (lambda: gd.draw_steps([]), ["no steps"]),
    "steps of a number": (lambda: gd.draw_steps(3), ["int"]),
    "a diagnosis of a number": (lambda: gd.diagnose(3), ["int"]),
    "a diagnosis of a tensor with arguments": (lambda: gd.diagnose(F, X), ["argument"]),
    "a diagnosis of a graph": (lambda: gd.diagnose(gd.make_graph(gd.exp, X)), ["graph"]),
    "a diagnosis of a module without data": (lambda: gd.diagnose(LAYER), ["Linear", "argument"]),
    "a diagnosis with too much data": (lambda: gd.diagnose(LAYER, X, X), ["Linear", "argument"]),
    "a diagnosis with a loss that is none": (lambda: gd.diagnose(LAYER, X, [0, 1], loss=3), ["loss", "int"]),
    "a diagnosis of a function with a loss": (lambda: gd.diagnose(gd.exp, X, loss=gd.losses.hinge), ["loss"]),
    "a diagnosis with labels out of range": (
        lambda: gd.diagnose(LAYER, np.ones((2, 3), "float32"), [0, 7], loss=gd.losses.softmax_cross_entropy),
        ["7"],
    ),
    "statistics of negative bins": (lambda: gd.statistics(F, bins=-1), ["bins=-1"]),
    "statistics of fractional bins": (lambda: gd.statistics(F, bins=1.5), ["bins=1.5"]),
    "statistics of text": (lambda: gd.statistics("f"), ["str"]),
    "a profile of no repeats": (lambda: gd.profile(F, repeats=0), ["repeats=0"]),
    "a profile of half a repeat": (lambda: gd.profile(F, repeats=0.5), ["repeats=0.5"]),
    "a gradient check of an integer": (
        lambda: check_gradients(lambda x: x * 2, 3),
        ["floating"],
    ),
}
