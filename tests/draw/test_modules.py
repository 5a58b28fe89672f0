"""Tensor style and overview: which boxes there are, what they say, and how large graphs fold."""

from __future__ import annotations

import re
from contextlib import nullcontext

import numpy as np
import pytest
from draw.reading import edges, heading, labels, needs_engine
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.draw import draw, palette
from graphdiff.draw.folding import Folding
from graphdiff.draw.folding import fold as folded
from graphdiff.draw.rolling import rolled
from graphdiff.draw.scopes import Names, asked_for, scopes_of
from graphdiff.draw.target import subject_of


def layer(x: gd.Tensor, sizes: tuple[int, int], scope: str, scale: float = 1.0) -> gd.Tensor:
    with gd.scope(scope):
        w = gd.Parameter(np.full(sizes, scale), "float64", name=f"{scope}.weight")
        return gd.relu(gd.matmul(x, w))


def perceptron(scale: float = 1.0) -> gd.Tensor:
    x = gd.variable(np.ones((5, 8)), name="image")
    hidden = layer(x, (8, 4), "features.0", scale)
    return gd.mean(layer(hidden, (4, 2), "head"))


def boxes(dot: str) -> dict[str, str]:
    return {name: text for name, text in labels(dot).items() if name != "legend"}


def clusters(dot: str) -> int:
    return dot.count("subgraph cluster_")


def acyclic(dot: str) -> bool:
    waiting = set(edges(dot))
    names = {name for edge in waiting for name in edge}
    while names:
        free = {name for name in names if not any(head == name for _, head in waiting)}
        if not free:
            return False
        names -= free
        waiting = {(tail, head) for tail, head in waiting if tail in names}
    return True


def test_a_box_per_scope() -> None:
    dot = draw(perceptron().backward(), title="Perceptron").dot
    assert boxes(dot) == {
        "n0": "image input",
        "b0": "features.0 linear • relu 32 params ‖∇W‖ 5.7",
        "b1": "head linear • relu 8 params ‖∇W‖ 11",
        "b2": "loss mean = 32",
    }
    assert edges(dot) == [("n0", "b0"), ("b0", "b1"), ("b1", "b2")]
    assert heading(dot) == (
        "Perceptron batch 5  ·  40 parameters  ·  loss 32  ·  5 operations shown as 3 boxes"
    )
    assert clusters(dot) == 0
    assert "5×8" in dot
    assert "‖∇‖" in dot


def test_the_states_of_a_gradient_look_different() -> None:
    f = perceptron()
    assert draw(f).dot.count("no backward yet") == 3  # two layers and the heading
    assert "legend" not in labels(draw(f).dot)
    assert "∇‖ 0<" in draw(perceptron(0.0).backward()).dot

    x = gd.variable(np.ones((5, 8)), name="x")
    w, v = (gd.Parameter(np.ones((8, 8)), "float64", name=name) for name in "wv")
    partly = gd.sum(gd.matmul(gd.matmul(x, w), v)).backward(wrt=[v])
    dot = draw(partly).dot
    assert "no gradient here" in dot
    assert "‖∇‖ 0<" not in dot

    dot = draw(gd.sum(gd.log(gd.matmul(x, gd.variable(-np.ones((8, 8)), name="u")))).backward()).dot
    assert "NaN<" in dot or "∞<" in dot
    x = gd.variable(np.full(8, np.nan), name="x")
    dot = draw(gd.sum(x * x).backward()).dot
    assert re.search(f'BGCOLOR="{palette.NOT_FINITE}"[^>]*><FONT[^>]*>‖∇‖ NaN', dot)


def test_a_residual_connection_is_an_arrow_of_its_own() -> None:
    x = gd.variable(np.ones((2, 4)), name="x")
    hidden = layer(x, (4, 4), "stem")
    out = gd.mean(layer(layer(hidden, (4, 4), "block.0"), (4, 4), "block.1") + hidden)
    dot = draw(out.backward()).dot
    assert set(edges(dot)) == {
        ("n0", "b0"),
        ("b0", "b1"),
        ("b1", "b2"),
        ("b2", "b3"),
        ("b0", "b3"),
        ("b3", "b4"),
    }
    # What passes along each way, and not the sum of both, is what is written on it.
    passed = [float(text) for text in re.findall(r"‖∇‖ ([\d.]+)<", dot)]
    assert len(passed) == 6


def test_several_inputs_and_results() -> None:
    a, b = gd.variable(np.ones((2, 5)), name="a"), gd.variable(np.ones((2, 5)), name="b")
    graph = gd.Graph(
        [node for t in (a + b, a * b) for node in _nodes(t)][:3] + _nodes(a * b)[2:],
        (),
    )
    graph = gd.Graph(graph.nodes, tuple(node.id for node in graph.nodes if node.primitive))
    dot = draw(graph).dot
    assert list(boxes(dot).values())[:2] == ["a input", "b input"]
    assert "no backward yet" not in dot
    assert acyclic(dot)


def _nodes(output: gd.Tensor) -> list[gd.Node]:
    from graphdiff.autodiff.walk import ancestors, node_of

    return [node_of(t) for t in ancestors(output)]


def test_hundreds_of_inputs_are_one_box() -> None:
    xs = [gd.variable(float(i), name=f"x{i}") for i in range(300)]
    dot = draw(gd.sum(gd.stack(xs)).backward()).dot
    assert "300 inputs" in dot
    assert len(boxes(dot)) <= 60


def test_many_inputs_stand_beside_the_boxes_that_use_them() -> None:
    xs = [gd.variable(float(i), name=f"x{i}") for i in range(60)]
    dot = draw(sum(xs[1:], xs[0])).dot
    assert len(boxes(dot)) <= 60
    assert len(edges(dot)) == len(set(edges(dot))) == len(boxes(dot)) - 1
    assert "x0, x1, x2" in dot


def test_data_given_as_constants_is_an_input_and_what_layers_make_is_not() -> None:
    x = gd.tensor(np.ones((5, 8)))
    with gd.scope("l"):
        w = gd.Parameter(np.ones((8, 4)), "float64", name="l.weight")
        f = gd.sum(gd.matmul(x, w) * gd.tensor(np.ones((5, 4))))
    found = list(boxes(draw(f).dot).values())
    assert [text.split()[0] for text in found] == ["input", "l", "output"]


def test_arrays_given_to_a_network_are_its_input_and_its_labels() -> None:
    net = gd.layers.Sequential(gd.layers.Linear(64, 32), gd.layers.ReLU(), gd.layers.Linear(32, 10))
    scores = net(np.ones((16, 64)))
    dot = draw(scores.sum()).dot
    assert boxes(dot)["n4"] == "input"
    assert "16×64" in dot
    assert heading(dot).startswith("batch 16")
    loss = gd.losses.softmax_cross_entropy(scores, np.ones(16, "int64"))
    assert [text for text in boxes(draw(loss).dot).values() if " " not in text] == ["input", "labels"]


def test_parameters_are_counted_once_in_every_pass() -> None:
    net = gd.layers.Sequential(gd.layers.Linear(8, 4), gd.layers.Linear(4, 2))
    back = net(net[0](np.ones((5, 8))) @ np.ones((4, 8))).sum().backward()
    for show in ("forward", "backward", "both"):
        dot = draw(back, show=show, style="overview").dot
        assert "46 parameters" in heading(dot)
        assert len(set(boxes(dot).values())) == len(boxes(dot))


def test_views_of_parameters_are_no_boxes() -> None:
    dot = draw(gd.layers.Linear(63, 10)(gd.variable(np.ones((16, 63)), name="x"))).dot
    assert [text.split()[0] for text in boxes(dot).values()] == ["x", "matmul", "output"]
    assert "matmul @ 630 params" in boxes(dot)["b0"]
    assert "5 operations shown as 2 boxes" in heading(dot)


def test_a_batch_is_the_first_axis_of_an_input_with_more() -> None:
    w = gd.Parameter(np.ones((5, 6)), "float64", name="w")
    for shape in ((6,), (6, 1)):
        assert "batch" not in draw(w @ gd.variable(np.ones(shape), name="x")).dot
    assert "batch" not in draw(gd.variable(np.ones((5, 6)), name="W") @ np.ones(6)).dot
    assert "batch 3" in draw(gd.variable(np.ones((3, 5)), name="x") @ w).dot


def test_a_scope_that_is_left_and_entered_again_is_two_boxes() -> None:
    x = gd.variable(np.ones(5), name="x")
    with gd.scope("a"):
        y = gd.exp(x)
    with gd.scope("b"):
        y = gd.sin(y)
    with gd.scope("a"):
        y = gd.cos(y)
    dot = draw(y).dot
    assert list(boxes(dot).values())[1:4] == ["a exp", "b sin", "a cos"]
    assert acyclic(dot)


def test_the_deepest_scopes_fold_first() -> None:
    x = gd.variable(np.ones((2, 4)), name="x")
    for i in range(4):
        for j in range(3):
            x = layer(x, (4, 4), f"stage{i}.{j}.conv")
    f = gd.mean(x)
    counts = [len(boxes(draw(f, boxes=n).dot)) for n in (60, 20, 15, 14, 7)]
    assert counts == [14, 14, 14, 6, 6]
    assert boxes(draw(f, boxes=7).dot)["b0"].startswith("0 … 2 linear • relu × 3")
    assert "stage0" in boxes(draw(f, boxes=7, depth=1).dot)["b0"]
    assert "25 operations shown as 5 boxes" in draw(f, boxes=7).dot


def test_ten_thousand_operations_without_a_scope_fold() -> None:
    x = gd.variable(np.ones(5), name="x")
    y = x
    for _ in range(5_000):
        y = gd.sin(y * 1.0)
    assert boxes(draw(y).dot) == {"n0": "x input", "b0": "multiply • sin × 5,000", "out0": "output 5"}


def random_dag(operations: int, operands: int) -> gd.Tensor:
    rng = np.random.default_rng(0)
    made = [gd.variable(np.ones(5), name="x")]
    for _ in range(operations // operands):
        terms = [made[k] for k in rng.integers(max(0, len(made) - 200), len(made), operands)]
        made.append(gd.sin(sum(terms[1:], terms[0])))
    return made[-1]


@pytest.mark.parametrize("operands", [2, 10])
def test_ten_thousand_operations_without_an_order_fold(operands: int) -> None:
    dot = draw(random_dag(10_000, operands)).dot
    assert len(boxes(dot)) <= 60
    assert len(edges(dot)) <= 60
    assert "shown as 20 boxes" in dot
    assert operands == 2 or "arrows that others imply not drawn" in dot
    assert acyclic(dot)


@needs_engine
def test_what_is_folded_can_be_laid_out() -> None:
    x = gd.variable(np.ones(5), name="x")
    xs = [x]
    for i in range(600):
        with gd.scope(f"m{i}"):
            xs.append(gd.sin(xs[-1]) + xs[len(xs) // 2])
    picture = draw(gd.sum(xs[-1]).backward())
    assert len(boxes(picture.dot)) <= 61
    assert picture.svg


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "a.b", "a.c", "b", "b.b.b"]), st.integers(0, 99), st.integers(1, 4)
        ),
        max_size=40,
    ),
    st.integers(1, 30),
    st.sampled_from([(), ("a",), ("a.b", "b.b")]),
    st.sampled_from([(), ("b",), ("b.b",)]),
    st.booleans(),
)
def test_folding_keeps_every_operation_once_within_the_budget_and_without_cycles(
    plan: list[tuple[str, int, int]], budget: int, fold: Names, unfold: Names, roll: bool
) -> None:
    made = [gd.variable(np.ones(5), name="x")]
    for scope, i, times in plan:
        for _ in range(times):
            with gd.scope(scope) if scope else nullcontext():
                made.append(gd.sin(made[-1] + made[i % len(made)]))
    f = made[-1]
    subject = subject_of(f, None, "forward")
    scopes = {".".join(s) for s in scopes_of(subject)}
    fold, unfold = [s for s in fold if s in scopes], [s for s in unfold if s in scopes]
    asked = asked_for(subject, fold, unfold)
    groups = folded(subject, Folding(budget, budget, None, asked.folded, asked.unfolded), *[rolled] * roll)
    members = [i for group in groups for i in group.members]
    assert sorted(members) == sorted(set(members))
    assert len(members) == sum(node.primitive is not None for node in _as_graph(f))
    assert len(groups) <= budget
    for group in groups:
        assert not group.instances or [i for piece in group.instances for i in piece] == [*group.members]
    dot = draw(f, style="overview" if roll else "tensor", boxes=budget, fold=fold, unfold=unfold).dot
    assert acyclic(dot)
    assert dot == draw(f, style="overview" if roll else "tensor", boxes=budget, fold=fold, unfold=unfold).dot


def _as_graph(f: gd.Tensor) -> gd.Graph:
    return gd.Graph(_nodes(f), (f.id,))


def test_the_backward_pass_in_boxes() -> None:
    dot = draw(perceptron().backward(), show="both").dot
    assert "∂ head" in dot
    assert palette.BACKWARD in dot
    assert acyclic(dot)
    assert draw(perceptron().backward(), show="backward").dot.startswith("digraph")


def test_names_of_scopes_may_hold_anything() -> None:
    with gd.scope('<b>&"\\n'):
        y = gd.exp(gd.variable(np.ones(5), name="x"))
    dot = draw(gd.sin(y)).dot
    assert '<b>&"\\n exp' in boxes(dot).values()


def test_running_statistics_are_no_inputs() -> None:
    net = gd.layers.Sequential(lin=gd.layers.Linear(4, 8), norm=gd.layers.BatchNorm1d(8)).eval()
    shift = gd.tensor(np.ones(8), name="shift")
    graph = gd.make_graph(lambda x: net(x) + shift, gd.TensorSpec((2, 4), "float32"))
    picture = draw(graph, style="tensor")
    assert {box.title for box in picture.view.boxes if box.fill == "input"} == {"x", "shift"}


def test_what_keeps_track_of_state_is_no_result_and_not_drawn() -> None:
    net = gd.layers.Sequential(lin=gd.layers.Linear(4, 8), norm=gd.layers.BatchNorm1d(8))
    spec = gd.TensorSpec((2, 4), "float32")
    tracking, plain = gd.make_graph(net, spec), gd.make_graph(net.eval(), spec)
    view = draw(tracking, style="tensor").view
    assert sum(box.fill == "result" for box in view.boxes) <= 1
    assert len(view.boxes) == len(draw(plain, style="tensor").view.boxes)
    (left_out,) = (fact for fact in view.facts if "left out" in fact)
    assert int(left_out.split()[0]) + draw(tracking).subject.operations == sum(
        node.primitive is not None for node in tracking
    )

    @gd.compile
    def count(cell: gd.Cell) -> None:
        cell.assign(cell + 1)

    count(net.norm.num_batches_tracked)
    assert draw(count.graph).subject.operations == 1  # nothing but state: all of it is drawn


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_one_box_that_reads_so(training: bool) -> None:
    net = gd.layers.Sequential(
        conv=gd.layers.Conv2d(1, 2, 3), norm=gd.layers.BatchNorm2d(2), last=gd.layers.Flatten()
    ).train(training)
    spec = gd.TensorSpec((2, 1, 4, 4), "float32")
    for target in (gd.make_graph(net, spec), gd.sum(net(np.ones(spec.shape, "float32"))).backward()):
        view = draw(target, style="tensor").view
        (box,) = [box for box in view.boxes if box.title == "norm"]
        assert box.kind == ("batch_norm" if training else "batch_norm_eval")
    composite = "batch_norm" if training else "batch_norm_eval"
    unfolded = draw(target, style="tensor", unfold=composite)
    assert unfolded.subject.operations > view.subject.operations
