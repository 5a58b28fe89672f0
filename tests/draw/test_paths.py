"""Only what lies between two places, and leaves left out."""

from __future__ import annotations

import numpy as np
import pytest
from draw.reading import labels, wires
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.paths import on_paths
from graphdiff.draw.subject import Subject
from graphdiff.draw.target import subject_of
from graphdiff.errors import ArgumentError


def neuron() -> gd.Tensor:
    w, x, b = gd.variables(w=2.0, x=-1.0, b=3.0)
    return gd.exp(w * x + b) * 2.0


def network() -> gd.Module:
    layers = gd.layers
    return layers.Sequential(
        stem=layers.Linear(8, 6),
        body=layers.Sequential(layers.Linear(6, 6), layers.ReLU()),
        head=layers.Linear(6, 3),
    )


def titles(target: object, **options: object) -> list[str]:
    return [box.title for box in draw(target, style="overview", **options).view.boxes]


def test_what_lies_between_two_scopes_is_drawn_alone() -> None:
    f = gd.mean(network()(np.ones((4, 8), "float32")))
    whole = titles(f)
    part = titles(f, between=("stem", "body"))
    assert "head" in " ".join(whole)
    assert "head" not in " ".join(part)
    assert titles(f, between=("body", "head"))[0] == "stem"  # what comes from outside is a leaf
    back = f.backward()
    (norm,) = [
        box.gradient
        for box in draw(back, style="overview", between=("body", "head")).view.boxes
        if box.title == "head"
    ]
    own = [p for p in back.wanted if p.name.startswith("head")]
    assert norm.value == pytest.approx(np.sqrt(sum(np.sum(back[p].numpy() ** 2) for p in own)), rel=1e-5)


def test_what_lies_between_two_tensors() -> None:
    f = neuron()
    dot = draw(f.backward(), between=("w", "f")).dot
    assert "exp" in labels(dot).values()
    with pytest.raises(ArgumentError, match="no path leads from 'x' to 'w'"):
        draw(f, between=("x", "w"))
    with pytest.raises(ArgumentError, match="'xx' names no tensor or scope"):
        draw(f, between=("xx", "f"))


def test_constants_and_parameters_can_be_left_out() -> None:
    x = gd.variable(3.0, name="x")
    w = gd.Parameter(2.0, "float64", name="w")
    c = gd.tensor(np.array([1.0, 2.0]))
    f = gd.sum(w * x * c)
    shown = labels(draw(f, style="circuit").dot)
    assert {"w", "x"} <= set(shown.values())
    dot = draw(f, style="circuit", hide=("constants", "parameters")).dot
    assert "w" not in labels(dot).values()
    assert "x" in labels(dot).values()
    assert len(wires(dot)) < len(wires(draw(f, style="circuit").dot))
    view = draw(gd.mean(network()(np.ones((4, 8)))), style="overview", hide=["parameters"]).view
    assert all(box.parameters == 0 for box in view.boxes)
    with pytest.raises(ArgumentError, match=r"'weights' is unknown(.|\n)*use one of constants, parameters"):
        draw(f, hide=("weights",))


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=3, max_size=20), st.data())
def test_a_part_holds_what_is_on_the_paths_and_nothing_else(
    plan: list[tuple[int, int]], data: st.DataObject
) -> None:
    made = [gd.variable(np.ones(5), name="x")]
    for i, k in plan:
        made.append(made[i % len(made)] + made[k % len(made)])
    subject = subject_of(made[-1], None, "forward")
    operations = [i for i, item in enumerate(subject.items) if item.node.primitive]
    start, end = (data.draw(st.sampled_from(operations)) for _ in "ab")
    subject.items[end].tensor.named("end")
    subject.items[start].tensor.named("start")
    ends = "start", "end" if start != end else "start"
    subject = subject_of(made[-1], None, "forward")
    expected = {i for i in operations if _leads(subject, start, i) and _leads(subject, i, end)}
    if not expected:
        with pytest.raises(ArgumentError, match="no path"):
            on_paths(subject, ends)
        return
    kept = {item.node.id for item in on_paths(subject, ends).items if item.node.primitive}
    assert kept == {subject.items[i].node.id for i in expected}


def _leads(subject: Subject, one: int, other: int) -> bool:
    if one == other:
        return True
    return any(_leads(subject, user, other) for user, _ in subject.users[one])
