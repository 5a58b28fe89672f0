"""The tree of scopes: every operation once, nothing on a cycle, repeated blocks in one row."""

from __future__ import annotations

import numpy as np
import pytest
from draw.page import samples
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.modules import Overview
from graphdiff.draw.page.scopes import Scope, operations_in, panels_of, tree_of
from graphdiff.draw.subject import Subject
from graphdiff.draw.target import subject_of


def every(scope: Scope) -> list[Scope]:
    inner = [child for child in scope.children if isinstance(child, Scope)]
    return [scope, *(found for child in inner for found in every(child))]


def ordered(subject: Subject, scope: Scope) -> bool:
    """Whether each child of a scope only uses those before it, itself, and what is outside."""
    home = {i: number for number, child in enumerate(scope.children) for i in operations_in(child)}
    uses = ((home[k], home[i]) for i in home for k in subject.items[i].inputs if k in home)
    return all(operand <= user for operand, user in uses)


@given(st.integers(0, 10_000))
def test_every_operation_has_one_place_and_operands_come_first(seed: int) -> None:
    subject = subject_of(samples.scoped(seed), None, "forward")
    tree = tree_of(subject)
    operations = [i for i, item in enumerate(subject.items) if item.node.primitive is not None]
    assert sorted(operations_in(tree)) == operations
    assert all(ordered(subject, scope) for scope in every(tree))


def blocks(count: int, shared: bool = False) -> Subject:
    x = gd.variable(np.ones((2, 4)), name="x")
    w = gd.Parameter(np.ones((4, 4)), "float64", name="w")
    for k in range(count):
        with gd.scope(f"net.{k}"):
            x = gd.relu(gd.matmul(x, w if shared else gd.Parameter(np.ones((4, 4)), "float64", name=f"w{k}")))
    return subject_of(gd.sum(x), None, "forward")


@pytest.mark.parametrize("count", [2, 7])
def test_blocks_of_equal_build_stand_in_one_row(count: int) -> None:
    net = next(scope for scope in every(tree_of(blocks(count))) if scope.name == "net")
    (row,) = net.children
    assert isinstance(row, Scope)
    assert (row.kind, row.name, len(row.children)) == ("repeat", f"0 … {count - 1}", count)


def test_blocks_that_differ_stand_apart() -> None:
    x = gd.variable(np.ones((2, 4)), name="x")
    for k in range(4):
        with gd.scope(f"net.{k}"):
            x = (gd.relu if k < 2 else gd.tanh)(gd.matmul(x, np.ones((4, 4))))
    net = next(
        scope for scope in every(tree_of(subject_of(gd.sum(x), None, "forward"))) if scope.name == "net"
    )
    assert [child.name for child in net.children if isinstance(child, Scope)] == ["0 … 1", "2 … 3"]


def test_a_scope_that_is_entered_again_is_split_into_its_visits() -> None:
    x = gd.variable(1.0, name="x")
    for name in ("a", "b", "a"):
        with gd.scope(name):
            x = gd.exp(gd.tanh(x))
    tree = tree_of(subject_of(x, None, "forward"))
    assert [child.name for child in tree.children if isinstance(child, Scope)] == ["a (1)", "b", "a (2)"]


def test_a_long_chain_is_bundled_level_by_level() -> None:
    x = gd.variable(1.0, name="x")
    for _ in range(2000):
        x = gd.tanh(x)
    tree = tree_of(subject_of(x, None, "forward"))
    assert all(len(scope.children) <= 60 for scope in every(tree))
    assert len(operations_in(tree)) == 2000


def test_panels_hold_every_operation_once_and_operands_first() -> None:
    view = draw(samples.training_step()).view
    assert isinstance(view, Overview)
    tree = panels_of(view)
    assert [(panel.kind, panel.name) for panel in every(tree)[1:] if panel.kind == "panel"] == [
        ("panel", stage) for stage in ("forward", "backward", "update")
    ]
    operations = [i for i, item in enumerate(view.subject.items) if item.node.primitive is not None]
    assert sorted(operations_in(tree)) == operations
    forward, backward, update = (child for child in tree.children if isinstance(child, Scope))
    assert all(ordered(view.subject, scope) for panel in (forward, backward) for scope in every(panel))
    assert [child.name for child in update.children if isinstance(child, Scope)] == [
        "optimizer",
        "Δ one",
        "Δ two.in_",
    ]
