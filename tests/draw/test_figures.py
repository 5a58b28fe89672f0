"""Numbers and colours in boxes, and where the first bad node is named and marked."""

import importlib
import re

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.draw import figures, palette
from graphdiff.errors import ArgumentError


def network(spoil=lambda x: x):
    x = gd.tensor(np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3), name="x")
    layers = gd.layers
    net = layers.Sequential(one=layers.Linear(3, 5, seed=0), two=layers.Linear(5, 2, seed=1))
    forward = net.two.forward
    net.two.forward = lambda v: spoil(forward(v))
    return gd.losses.softmax_cross_entropy(net(x), np.array([0, 1, 0, 1])).backward()


def boxes(picture):
    return {box.title: box for box in picture.view.boxes}


def drawn(record, **options):
    return gd.draw(record, style="tensor", **options)


def test_every_number_stands_in_its_box():
    names = ("shape", "parameters", "flops", "bytes", "values", "gradients", "histogram")
    picture = drawn(network(), numbers=names)
    rows = boxes(picture)["one"].rows
    assert rows[0].startswith("out 4×5 float32 · ")
    assert rows[0].endswith(" bytes")
    assert rows[1] == "weight 5×3, bias 5"
    flops = 2 * 4 * 5 * 3 + 4 * 5  # the product, and the bias
    assert rows[2].startswith(f"{flops} FLOPs, ")
    assert rows[3].startswith("values ")
    assert rows[4].startswith("∇ ")
    assert re.fullmatch(r"values [▁-█]{16}   ∇ [▁-█]{16}", rows[5])
    for row in rows:
        assert row.replace("…", "").split(" ")[0] in picture.dot
    assert "FLOPs" not in "".join(boxes(picture)["x"].rows)


def test_what_is_not_asked_for_is_not_shown():
    assert all(box.rows == () for box in drawn(network()).view.boxes)
    assert [r.partition(" ")[2] for r in boxes(drawn(network(), numbers="flops"))["one"].rows] != []


@pytest.mark.parametrize("color", figures.COLORS)
def test_a_colour_stands_for_an_amount_that_is_printed(color):
    picture = drawn(network(), color=color)
    found = boxes(picture)
    assert f"colour of boxes: {color}, the darker the more" in picture.view.facts
    assert palette.MUCH in {box.color for box in found.values()}
    unit = {"time": " ms", "bytes": " bytes", "flops": " FLOPs"}[color]
    assert all(unit in found[name].rows[0] for name in ("one", "two"))


def test_a_bad_value_is_named_and_marked():
    picture = drawn(network(lambda v: gd.log(v * 0.0)))
    assert picture.view.facts[0] == "first bad value: infinite, log in two"
    box = boxes(picture)["two"]
    assert box.rows == ("infinite value begins here: log of 0 at element (0, 0)",)
    assert box.color == palette.NOT_FINITE
    assert [b.title for b in picture.view.boxes if b.color == palette.NOT_FINITE] == ["two"]


def test_a_bad_gradient_is_marked_where_it_begins():
    picture = drawn(network(lambda v: gd.sqrt(v * 0.0)))
    assert picture.view.facts[0].startswith("first bad gradient: ")
    assert picture.view.facts[0].endswith("sqrt in two")
    assert "gradient begins here" in boxes(picture)["two"].rows[0]


def test_a_bad_parameter_is_marked_at_the_layer_that_has_it():
    weight = gd.Parameter(np.array([[1.0, np.nan], [0.0, 1.0]]), name="weight")
    with gd.scope("layer"):
        hidden = gd.variable(np.ones((1, 2)), name="x") @ weight
    picture = gd.draw(gd.sum(hidden * hidden).backward(), style="tensor")
    assert picture.view.facts[0] == "first bad value: NaN, weight"
    assert boxes(picture)["layer"].color == palette.NOT_FINITE


def test_a_circuit_names_it_in_its_title():
    x, y = gd.variables(x=2.0, y=2.0)
    picture = gd.draw((gd.log(x - y) * x).backward(), title="mine")
    assert picture.title == "mine · first bad value: infinite, log"


def bad_ids(view):
    return {x.id for x in (*view.operators, *view.leaves, *view.wires) if x.bad}


def test_a_circuit_marks_the_operation_and_the_wire_where_bad_values_begin():
    x, y = gd.variables(x=2.0, y=2.0)
    f = (gd.log(x - y) * x + y).named("f")
    picture = gd.draw(f.backward())
    (log,) = [op for op in picture.view.operators if op.glyph == "ln"]
    assert bad_ids(picture.view) == {log.id, f"w{log.id[1:]}"}
    (wire,) = [wire for wire in picture.view.wires if wire.bad]
    assert wire.above == "first bad: −∞"
    thick = [line for line in picture.dot.splitlines() if "penwidth=4" in line]
    assert [f"id={log.id} " in line for line in thick] == [True]
    assert not bad_ids(gd.draw((x * y).backward()).view)


def distance():
    x = gd.variable([3.0, 4.0], name="x")
    return gd.sqrt(gd.sum(gd.square(x - gd.tensor([3.0, 4.0], name="target")))).named("d").backward()


def test_a_bad_gradient_is_marked_on_the_wire_that_it_goes_back_on():
    view = gd.draw(distance()).view
    (root,) = [op for op in view.operators if op.bad]
    (wire,) = [wire for wire in view.wires if wire.bad]
    assert root.glyph == "√"
    assert (wire.head, wire.above, wire.below) == (root.id, "0.00", "first bad: ∞")


def test_a_bad_gradient_is_marked_at_the_operation_of_the_backward_pass_where_that_is_drawn():
    view = gd.draw(distance(), show="both").view
    (divide,) = [op for op in view.operators if op.bad]
    (wire,) = [wire for wire in view.wires if wire.bad]
    assert (divide.glyph, divide.backward, wire.tail) == ("÷", True, divide.id)
    assert wire.below == "first bad: ∞"


def test_a_bad_leaf_and_a_bad_part_of_an_unfolded_composite_are_marked():
    z, w = gd.variables(z=np.nan, w=1.0)
    view = gd.draw((z * w).backward()).view
    assert [leaf.text for leaf in view.leaves if leaf.bad] == ["z"]
    risky = gd.Composite("risky", lambda v: gd.log(v) * v)
    view = gd.draw((risky(gd.variable(-1.0)) + 1.0).backward(), unfold=True).view
    assert [op.glyph for op in view.operators if op.bad] == ["ln"]
    assert sum(wire.bad for wire in view.wires) == 1


def test_the_text_is_the_same_in_every_run():
    def picture():
        return drawn(network(lambda v: gd.log(v * 0.0)), numbers=("shape", "values", "histogram")).dot

    assert picture() == picture()


def test_the_legend_has_the_states_that_occur():
    fine = drawn(network()).dot
    assert "NaN" not in fine
    assert "zero" not in fine
    assert "no gradient here" not in fine
    assert "NaN / ∞" in drawn(network(lambda v: gd.log(v * 0.0 - 1.0))).dot
    assert ">zero<" in drawn(network(lambda v: v * 0.0)).dot


def test_nothing_is_measured_unless_it_is_asked_for(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("nobody asked")

    module = importlib.import_module(figures.figures_of.__module__)
    for name in ("statistics", "profile", "numbers_of", "run_of"):
        monkeypatch.setattr(module, name, refuse)
    drawn(network())
    with pytest.raises(AssertionError, match="nobody asked"):
        drawn(network(), numbers=["values"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"numbers": ["speed"]}, "numbers='speed' is unknown"),
        ({"color": "red"}, "color='red' is unknown"),
        ({"numbers": ["flops"], "show": "backward"}, "forward pass"),
        ({"numbers": ["flops"], "style": "circuit"}, "forward pass"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        gd.draw(network(), **{"style": "tensor", **options})


def test_a_graph_has_costs_and_no_values():
    graph = gd.make_graph(lambda x: gd.exp(x) @ x, gd.TensorSpec((3, 3), "float32"))
    picture = gd.draw(graph, style="tensor", numbers=["flops"])
    assert "9 FLOPs" in picture.dot
    with pytest.raises(ArgumentError, match="a graph has no values"):
        gd.draw(graph, style="tensor", numbers=["values"])
