"""Labels of arrows stay inside their frames; wires of circuits have room to cross."""

import itertools
import re

import numpy as np
import pytest
from draw.reading import needs_engine
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.circuit import circuit_of
from graphdiff.draw.crossings import room_before
from graphdiff.draw.target import subject_of
from graphdiff.draw.tidying import tidied

PLACE = re.compile(r"(-?[\d.]+),-?[\d.]+")


def span(drawing):
    """From where to where along x a path or polygon goes."""
    xs = [float(x) for x in PLACE.findall(drawing)]
    return min(xs), max(xs)


def parts(svg, kind):
    """Name and content of every cluster or edge label."""
    if kind == "cluster":
        return re.findall(r'<g id="(s\d+)" class="cluster">.*?(<path[^>]*>)', svg, re.DOTALL)
    return re.findall(r'<g id="a_(e\d+)&#45;label">(.*?)</g>', svg, re.DOTALL)


def network(sizes):
    layers = [gd.layers.Linear(a, b, seed=0) for a, b in itertools.pairwise(sizes)]
    return gd.layers.Sequential(features=gd.layers.Sequential(*layers), last=gd.layers.Linear(sizes[-1], 2))


@needs_engine
@pytest.mark.parametrize("rows", [2, 123_456])
def test_no_label_in_a_frame_sticks_out_of_it(rows):
    net = network([3, 4, 5])
    loss = gd.mean(net(np.ones((rows, 3), "float32")))
    svg = draw(loss.backward(), style="tensor").svg
    frames = [span(path) for _, path in parts(svg, "cluster")]
    chips = [span(chip) for _, label in parts(svg, "label") for chip in re.findall(r"<polygon[^>]*>", label)]
    assert frames
    assert len(chips) > len(net.features)
    for left, right in frames:
        assert all(left < start and end < right for start, end in chips)


def branching(branches):
    """One value multiplied with so many others, each product added to one more."""
    x = gd.variable(1.0, name="x")
    factors = [gd.variable(float(n), name=f"w{n}") for n in range(branches)]
    terms = [gd.variable(float(n), name=f"b{n}") for n in range(branches)]
    sums = [x * w + b for w, b in zip(factors, terms, strict=True)]
    found = sums[0]
    for other in sums[1:]:
        found = found + other
    return circuit_of(tidied(subject_of(found, None, "auto")))


def test_wires_that_cross_have_more_room():
    assert room_before(branching(1)) == {}
    view = branching(3)
    room = room_before(view)
    products = {op.id for op in view.operators if op.glyph == "×"}
    assert products <= room.keys()
    assert all(width > 1 for width in room.values())


@given(st.integers(1, 12))
def test_room_is_bounded_and_belongs_to_operators(branches):
    view = branching(branches)
    room = room_before(view)
    assert room.keys() <= {op.id for op in view.operators}
    assert all(1 < width <= 3 for width in room.values())
