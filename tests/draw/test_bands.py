"""Graphs without scopes: bands of operations, told by number, kind, depth and line; each can be unfolded."""

import numpy as np
import pytest
from draw.reading import heading
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.bands import bands, span_of
from graphdiff.errors import ArgumentError


def woven(operations, width=5, seed=0):
    """Sums and products of values that are not much older."""
    rng = np.random.default_rng(seed)
    values = [gd.variable(float(k), name=f"x{k}") for k in range(width)]
    while len(values) < operations + width:
        one, other = (values[-1 - int(k)] for k in rng.integers(0, width, 2))
        values.append(one + other if rng.random() < 0.5 else gd.sin(one))
    return values[-1]


def banded(picture):
    return [box for box in picture.view.boxes if box.title.startswith("operations ")]


@given(st.integers(1, 5000), st.lists(st.integers(1, 5000), max_size=6), st.integers(1, 80))
def test_bands_hold_every_operation_once_in_order(count, ends, room):
    ends = sorted({min(end, count) for end in ends})
    asked = list(zip(ends[::2], ends[1::2], strict=False))
    found = list(bands(count, room, asked))
    assert [n for first, last in found for n in range(first, last + 1)] == [*range(1, count + 1)]
    for first, last in asked:
        if last - first < room - 6:
            assert {(n, n) for n in range(first, last + 1)} <= {*found}
    if not asked:
        assert len(found) <= min(room, 20)


@pytest.mark.parametrize("text", ["1201-1300", "1,201–1,300", " 1201 – 1300 "])
def test_a_span_reads_as_boxes_write_it(text):
    assert span_of(text) == (1201, 1300)
    assert span_of("layer1") is None


def test_a_band_says_what_it_holds():
    picture = draw(woven(2000))
    found = banded(picture)
    assert found[0].title.startswith("operations 1–")
    for box in found:
        ops = [picture.view.subject.items[i].node.primitive.name for i in box.members]
        assert f"add × {ops.count('add')}" in box.kind
        assert box.rows[0].startswith("depth ")
        assert "test_bands.py:" in box.rows[0]
    assert 'unfold="' in heading(picture.dot)


def test_a_band_is_unfolded_by_its_numbers():
    f = woven(2000)
    whole = banded(draw(f))[3]
    first, last = span_of(whole.title.removeprefix("operations "))
    picture = draw(f, unfold=f"{first}-{first + 19}")
    single = [i for box in picture.view.boxes if len(box.members) == 1 for i in box.members]
    assert {*whole.members[:20]} <= {*single}
    finer = banded(draw(f, unfold=whole.title.removeprefix("operations ")))
    inside = [box for box in finer if {*box.members} <= {*whole.members}]
    assert sum(len(box.members) for box in inside) == last - first + 1
    assert len(inside) > 10


def test_operations_that_there_are_not_cannot_be_unfolded():
    with pytest.raises(ArgumentError, match="no operations 5-99999"):
        draw(woven(2000), unfold="5-99999")
    with pytest.raises(ArgumentError, match="no operations 9-5"):
        draw(woven(2000), unfold="9-5")


def test_what_repeats_is_no_band():
    x = gd.variable(1.0, name="x")
    for _ in range(2000):
        x = gd.tanh(x)
    view = draw(x).view
    assert not [box for box in view.boxes if box.title.startswith("operations ")]
    assert [box.repeat.count for box in view.boxes if box.repeat] == [2000]
