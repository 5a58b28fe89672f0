"""Forward, backward and update beside each other: a row is a layer."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import pytest
from draw.reading import edges, labels, needs_engine
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw
from graphdiff.draw.modules import Box, Overview
from graphdiff.errors import ArgumentError


@pytest.fixture
def net() -> gd.Module:
    layers = gd.layers
    return layers.Sequential(first=layers.Linear(8, 6), act=layers.ReLU(), last=layers.Linear(6, 3))


def step_of(net: gd.Module, optimizer: object) -> gd.Graph:
    """The compiled graph of a training step."""

    @gd.compile
    def step(x: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        loss = gd.losses.softmax_cross_entropy(net(x), y)
        optimizer.step(net, loss.backward())
        return loss

    step(np.ones((4, 8), "float32"), np.arange(4) % 3)
    return step.graph


@pytest.fixture
def step(net: gd.Module) -> gd.Graph:
    return step_of(net, gd.optimizers.SGD(lr=0.1, momentum=0.9))


def view_of(target: object, **options: object) -> Overview:
    view = draw(target, **options).view
    assert isinstance(view, Overview)
    return view


def titles(view: Overview, stage: str) -> dict[str, Box]:
    return {box.title: box for box in view.boxes if box.stage == stage}


def test_a_whole_step_has_a_panel_for_each_part(step: gd.Graph) -> None:
    view = view_of(step)
    assert view.stages == ["forward", "backward", "update"]
    forward = titles(view, "forward")
    assert list(forward) == ["x", "y", "first", "last", "loss"]
    assert list(titles(view, "backward")) == ["∂ loss", "∂ last", "∂ first"]
    assert set(titles(view, "update")) == {"optimizer", "Δ first", "Δ last"}
    for stage, mark in (("backward", "∂"), ("update", "Δ")):
        for title, box in titles(view, stage).items():
            if title != "optimizer":
                assert box.beside == forward[title.removeprefix(f"{mark} ")].id
    operations = [i for box in view.boxes for i in box.members if view.subject.items[i].node.primitive]
    assert len(operations) == len(set(operations)) == view.subject.operations - view.subject.folded


def test_rows_are_layers_and_the_backward_pass_leads_upwards(step: gd.Graph) -> None:
    view, dot = view_of(step), draw(step).dot
    assert all(f"<B>{stage}</B>" in dot for stage in view.stages)
    box = {**titles(view, "forward"), **titles(view, "backward"), **titles(view, "update")}
    drawn = edges(dot)
    assert (box["∂ first"].id, box["∂ last"].id) in drawn  # written downwards, its head at the start
    assert f"{box['∂ first'].id} -> {box['Δ first'].id} [" in dot
    assert (box["∂ last"].id, box["Δ first"].id) not in drawn
    assert any(link.tail == box["∂ last"].id and link.head == box["∂ first"].id for link in view.links)


def test_what_an_optimizer_does_for_a_layer_stands_beside_it(net: gd.Module) -> None:
    view = view_of(step_of(net, gd.optimizers.Adam(lr=0.1)))
    backward, update = titles(view, "backward"), titles(view, "update")
    links = {(link.tail, link.head) for link in view.links}
    for name in ("first", "last"):
        assert (backward[f"∂ {name}"].id, update[f"Δ {name}"].id) in links


def test_a_record_is_drawn_with_its_backward_pass_and_norms(net: gd.Module) -> None:
    x = np.random.default_rng(0).standard_normal((4, 8)).astype("float32")
    back = gd.losses.softmax_cross_entropy(net(x), np.arange(4) % 3).backward()
    view = view_of(back, show="both", style="overview")
    backward = titles(view, "backward")
    for name in ("first", "last"):
        own = [p for p in back.wanted if p.name.startswith(name)]
        norm = backward[f"∂ {name}"].gradient
        assert norm is not None
        expected = np.sqrt(sum(np.sum(back[p].numpy() ** 2) for p in own))
        assert norm.value == pytest.approx(expected, rel=1e-5)
        assert backward[f"∂ {name}"].parameters == 0
    assert all(link.gradient is None for link in view.links if not link.backward)
    assert "‖∇W‖" in labels(draw(back, show="both", style="overview").dot)[backward["∂ first"].id]


@pytest.mark.parametrize("stage", ["forward", "backward", "update"])
def test_one_part_of_a_step(step: gd.Graph, stage: str) -> None:
    view = view_of(step, show=stage, style="overview")
    assert view.stages == [stage]
    own = {node.id for node in step if node.role == stage and node.primitive}
    members = {view.subject.items[i].node.id for box in view.boxes for i in box.members}
    operations = {view.subject.items[i].node.id for i in view.subject.first_operations}
    assert operations <= own
    assert operations <= members


def test_the_update_is_grouped_by_parameter(step: gd.Graph) -> None:
    boxes = view_of(step, show="update", style="overview").boxes
    assert {(*box.around, box.title) for box in boxes} >= {("first", "weight"), ("last", "bias")}


def test_a_part_that_is_not_there_is_said_so(step: gd.Graph, net: gd.Module) -> None:
    f = gd.sum(net(np.ones((4, 8))))
    graph = gd.make_graph(net, np.ones((4, 8)))
    with pytest.raises(ArgumentError, match=r"no update operations(.|\n)*it has forward"):
        draw(graph, show="update")
    with pytest.raises(ArgumentError, match="whole step"):
        draw(f.backward(), show="update")
    with pytest.raises(ArgumentError, match="'auto', 'forward', 'backward', 'update', 'both'"):
        draw(step, show="sideways")


@needs_engine
def test_panels_stand_in_order_and_rows_are_level(net: gd.Module) -> None:
    deep = gd.layers.Sequential(
        gd.layers.Linear(8, 8), body=gd.layers.Sequential(gd.layers.Linear(8, 4), gd.layers.Linear(4, 3))
    )
    for model, optimizer in (
        (net, gd.optimizers.SGD(lr=0.1, momentum=0.9)),
        (net, gd.optimizers.Adam(lr=0.1)),
        (deep, gd.optimizers.Adam(lr=0.1)),
    ):
        graph = step_of(model, optimizer)
        view, svg = view_of(graph), draw(graph).svg
        place = {box.id: centre(svg, box.id) for box in view.boxes}
        for box in view.boxes:
            if box.beside:
                assert place[box.beside][1] == pytest.approx(place[box.id][1], abs=1)
        spans = {
            stage: [place[box.id][0] for box in view.boxes if box.stage == stage] for stage in view.stages
        }
        assert max(spans["forward"]) < min(spans["backward"])
        assert max(spans["backward"]) < min(spans["update"])


def centre(svg: str, id: str) -> tuple[float, float]:
    """The middle of a box, from the outline that is drawn around it."""
    element = re.search(rf'<g id="{id}" class="node">.*?</g>\n</g>', svg, re.DOTALL)[0]
    path = re.search(r'<path [^>]*d="([^"]+)"', element)[1]
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", path)]
    xs, ys = numbers[::2], numbers[1::2]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


SCOPES = st.sampled_from(["", "a", "a.b", "a.c", "b"])


@given(st.lists(st.tuples(SCOPES, st.integers(0, 99)), min_size=1, max_size=15), st.integers(2, 30))
def test_every_operation_of_both_passes_is_in_one_box_and_nothing_goes_in_circles(
    plan: list[tuple[str, int]], boxes: int
) -> None:
    made = [gd.variable(np.ones((2, 3)), name="x")]
    for scope, i in plan:
        with gd.scope(scope) if scope else nullcontext():
            made.append(gd.sin(made[-1] * made[i % len(made)]))
    view = view_of(gd.sum(made[-1]).backward(), style="overview", show="both", boxes=boxes)
    members = [i for box in view.boxes if box.fill != "result" or box.id[0] == "b" for i in box.members]
    operations = [i for i, item in enumerate(view.subject.items) if item.node.primitive]
    assert sorted(i for i in members if view.subject.items[i].node.primitive) == operations
    titles = {box.id: box for box in view.boxes}
    assert all(titles[box.beside].stage == "forward" for box in view.boxes if box.beside)
    ahead = {box.id: {link.head for link in view.links if link.tail == box.id} for box in view.boxes}
    while free := [id for id in ahead if not any(id in heads for heads in ahead.values())]:
        for id in free:
            del ahead[id]
    assert not ahead


@pytest.mark.parametrize("make", [gd.optimizers.SGD, gd.optimizers.Adam], ids=["SGD", "Adam"])
def test_the_update_alone_names_gradients_and_new_values(net: gd.Module, make: Callable[..., object]) -> None:
    options = {"momentum": 0.9} if make is gd.optimizers.SGD else {}
    view = view_of(step_of(net, make(lr=0.1, **options)), show="update", style="tensor", boxes=200)
    found = {*view.subject.labels.values()}
    parameters = [name for name, _ in net.named_parameters()]
    assert {f"∇ {name}" for name in parameters} <= found
    results = {label for _, label in view.subject.outputs}
    assert {f"new {name}" for name in parameters} <= results
    assert "new steps" in results
    assert len(results) == len(view.subject.outputs)
    assert not any(re.fullmatch(r"f\d*", label) for label in results)
    assert not any(fact.startswith(("batch", "no backward")) for fact in view.facts)


def test_arrows_between_rows_are_counted_where_they_are_not_drawn(net: gd.Module) -> None:
    view = view_of(step_of(net, gd.optimizers.SGD(lr=0.1)), style="tensor", boxes=200)
    home = {i: box.id for box in view.boxes for i in box.members}
    items = view.subject.items
    flows = {(home.get(k), home.get(i)) for i, item in enumerate(items) for k in item.inputs}
    flows = {(tail, head) for tail, head in flows if tail and head and tail != head}
    drawn = {(link.tail, link.head) for link in view.links}
    (fact,) = (fact for fact in view.facts if "between rows" in fact)
    assert int(fact.split()[0]) == len(flows - drawn) > 0
