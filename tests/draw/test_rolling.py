"""Repeated pieces become one box, and layers stand with their activations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from draw.reading import edges, labels

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.modules import Box, Overview
from graphdiff.errors import ArgumentError


def overview(target: object, **options: object) -> Overview:
    view = draw(target, **{"style": "overview", **options}).view
    assert isinstance(view, Overview)
    return view


def titled(view: Overview) -> dict[str, Box]:
    return {box.title: box for box in view.boxes}


def image(*shape: int) -> gd.Tensor:
    return gd.tensor(np.random.default_rng(0).standard_normal(shape).astype("float32"))


class Block(gd.Module):
    def __init__(self, width: int) -> None:
        self.inner = gd.layers.Linear(width, width)
        self.outer = gd.layers.Linear(width, width)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return gd.relu(self.outer(gd.relu(self.inner(x))) + x)


def stack(*blocks: gd.Module) -> gd.Tensor:
    net = gd.layers.Sequential(
        stem=gd.layers.Linear(4, 6), body=gd.layers.Sequential(*blocks), head=gd.layers.Linear(6, 2)
    )
    return gd.mean(net(image(3, 4)))


def test_blocks_of_equal_structure_are_one_box_with_a_colour_for_each() -> None:
    f = stack(*(Block(6) for _ in range(8)))
    back = f.backward()
    view = overview(back, boxes=8)
    body = titled(view)["0 … 7"]
    assert body.repeat is not None
    assert (body.repeat.count, body.repeat.weights, body.repeat.of) == (8, "distinct", "‖∇W‖")
    assert body.parameters == 8 * 2 * (36 + 6)
    assert body.around == ("body",)
    for k, norm in enumerate(body.repeat.strip):
        own = [p for p in back.wanted if p.name.startswith(f"body.{k}.")]
        assert len(own) == 4
        assert norm.value == pytest.approx(np.sqrt(sum(np.sum(back[p].numpy() ** 2) for p in own)), rel=1e-5)
    dot = draw(back, style="overview", boxes=8).dot
    assert "× 8" in labels(dot)[body.id]
    assert "distinct" in labels(dot)[body.id]
    assert "× 8" in draw(f, style="overview", boxes=8).dot


def test_a_block_that_differs_is_not_rolled_up() -> None:
    blocks = [Block(6) for _ in range(5)]
    blocks[2] = gd.layers.Sequential(gd.layers.Linear(6, 6), gd.layers.Tanh())
    view = overview(stack(*blocks), boxes=9)
    counts = [box.repeat.count if box.repeat else 1 for box in view.boxes if box.around == ("body",)]
    assert counts == [2, 1, 2]


class Again(gd.Module):
    """A cell called at every step."""

    def __init__(self, steps: int) -> None:
        self.cell = gd.layers.Linear(5, 5)
        self.steps = steps

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        for _ in range(self.steps):
            x = gd.tanh(self.cell(x))
        return x


def test_repeated_calls_of_one_module_share_their_weights() -> None:
    back = gd.mean(Again(100)(image(3, 5))).backward()
    view = overview(back)
    (box,) = [box for box in view.boxes if box.repeat]
    assert box.title == "cell"
    assert box.kind == "linear • tanh"
    assert (box.repeat.count, box.repeat.weights, box.repeat.of) == (100, "shared", "‖∇out‖")
    assert box.parameters == 30
    values = [norm.value for norm in box.repeat.strip]
    assert values == sorted(values)  # the gradient vanishes towards the first step
    assert 20 <= len(values) <= 40
    assert len(view.boxes) == 3


def test_a_plain_stack_of_layers_is_one_box() -> None:
    layers = [gd.layers.Linear(8, 8) if k % 2 == 0 else gd.layers.ReLU() for k in range(100)]
    view = overview(gd.sum(gd.layers.Sequential(*layers)(image(2, 8))))
    (box,) = [box for box in view.boxes if box.repeat]
    assert (box.title, box.kind, box.repeat.count) == ("0 … 98", "linear • relu", 50)


def test_operations_without_a_scope_are_rolled_up_by_what_they_do() -> None:
    x, w, u = image(7, 3), gd.variable(np.eye(4), name="w"), gd.variable(np.ones((3, 4)), name="u")
    h = gd.tensor(np.zeros(4))
    for k in range(7):
        h = gd.tanh(h @ w + x[k] @ u)
    view = overview(h)
    repeated = [box for box in view.boxes if box.repeat]
    assert sum(box.repeat.count for box in repeated) >= 6
    assert len(view.boxes) < 12


def test_equal_pieces_side_by_side_are_one_box() -> None:
    x = gd.variable(np.ones((2, 6)), name="x")
    heads = []
    for k in range(4):
        with gd.scope(f"head{k}"):
            heads.append(gd.relu(x @ gd.Parameter(np.ones((6, 3)), "float64", name=f"head{k}.w")))
    view = overview(gd.concatenate(heads, axis=1))
    (box,) = [box for box in view.boxes if box.repeat]
    assert (box.title, box.repeat.count, box.repeat.beside) == ("head0 … head3", 4, True)
    assert len(view.boxes) == 3


def test_layers_stand_with_their_activations_in_the_overview_only() -> None:
    net = gd.models.lenet5()
    f = gd.losses.softmax_cross_entropy(net(image(2, 1, 28, 28)), np.arange(2))
    kinds = {(*box.around, box.title): box.kind for box in overview(f).boxes}
    assert kinds["features", "0"] == "conv2d 5×5 • relu • max_pool2d 2×2"
    assert kinds["classifier", "1"] == "linear • relu"
    kinds = {(*box.around, box.title): box.kind for box in overview(f, style="tensor").boxes}
    assert kinds["features", "0"] == "conv2d 5×5"
    assert kinds["features", "1"] == "relu"


def test_scopes_fold_and_unfold_by_name_and_pattern() -> None:
    f = stack(*(Block(6) for _ in range(3)))
    assert "body" in titled(overview(f, fold="body"))
    assert {"inner", "outer"} <= titled(overview(f, unfold="body.1")).keys()
    assert "1" not in titled(overview(f, unfold="body.1"))
    view = overview(f, unfold="body.*")
    assert sum(box.title == "inner" for box in view.boxes) == 3
    view = overview(f, unfold="body", fold="body.2")
    assert sum(box.title == "inner" for box in view.boxes) == 2
    assert max(len(box.around) for box in overview(f, depth=1).boxes) == 0
    assert titled(overview(f, depth=1)).keys() >= {"stem", "body", "head"}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: draw(f, fold="bodi"), "(?s)'bodi' names no scope.*did you mean 'body'"),
        (lambda f: draw(f, unfold="boddy.0"), "(?s)names no scope or composite.*'body.0'"),
        (lambda f: draw(f, unfold="matmul"), "'matmul' is no composite"),
        (lambda f: draw(f, style="module"), "'auto', 'circuit', 'overview', 'tensor'"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(ask: Callable[[gd.Tensor], object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ask(stack(Block(6)))


def test_ids_are_those_of_the_picture() -> None:
    view = overview(stack(Block(6), Block(6)))
    dot = draw(stack(Block(6), Block(6)), style="overview").dot
    assert all(f"id={box.id} " in dot for box in view.boxes)
    assert all(f"id={link.id} " in dot for link in view.links)
    assert sorted((link.tail, link.head) for link in view.links) == sorted(edges(dot))
