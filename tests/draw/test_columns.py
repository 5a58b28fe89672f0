"""Long chains stand in columns: each box in one, from left to right, cut where little leads across."""

import itertools

import numpy as np
import pytest
from draw.reading import edges
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.columns import columns_of


def chain(stages, skip=False):
    """Stages of two layers that no two stages have alike."""
    x = first = gd.variable(np.ones((2, 3)), name="x")
    for k in range(stages):
        for part in ("a", "b"):
            with gd.scope(f"stage{k}.{part}"):
                w = gd.Parameter(np.ones((x.shape[1], 3 + k)), "float64", name=f"stage{k}.{part}.weight")
                x = x @ w
        x = x + gd.sum(first) if skip else x
    return draw(gd.sum(x).backward(), style="tensor")


def test_what_a_page_has_room_for_is_one_column():
    assert {*columns_of(chain(3).view).values()} == {0}


def test_a_long_chain_goes_on_at_a_joint():
    picture = chain(6)
    column = columns_of(picture.view)
    assert {*column.values()} == {0, 1}
    crossing = [link for link in picture.view.links if column[link.tail] != column[link.head]]
    (link,) = crossing
    assert (link.tail, link.head) not in edges(picture.dot)
    assert {(link.tail, "j0"), ("j0_on", link.head)} <= {*edges(picture.dot)}
    assert f"id={link.id} " in picture.dot
    assert picture.dot.count("label=A ") == 2


@given(st.integers(1, 24))
def test_columns_keep_frames_whole_and_the_order_of_the_chain(stages):
    view = chain(stages).view
    column = columns_of(view)
    assert column.keys() == {box.id for box in view.boxes}
    assert all(column[link.tail] <= column[link.head] for link in view.links)
    frames = {box.around[0]: [] for box in view.boxes if box.around}
    for box in view.boxes:
        if box.around:
            frames[box.around[0]].append(column[box.id])
    assert all(len({*found}) == 1 for found in frames.values())
    order = [found[0] for found in frames.values()]
    assert all(one <= other <= one + 1 for one, other in itertools.pairwise(order))


@pytest.mark.parametrize("skip", [False, True])
def test_nothing_is_cut_where_much_leads_across(skip):
    assert ({*columns_of(chain(8, skip).view).values()} == {0}) is skip
