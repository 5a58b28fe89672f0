"""The circuit style: the numbers, where they stand, and what is said about them."""

from __future__ import annotations

import math

import pytest
from draw.reading import edges, heading, labels, needs_engine, nodes, number, wires
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.autodiff import Backward
from graphdiff.draw import draw, layout
from graphdiff.errors import ArgumentError


@pytest.fixture
def circuit() -> Backward:
    x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
    return ((x + y) * z).backward()


@pytest.fixture
def neuron() -> Backward:
    w0, x0, w1, x1, w2 = gd.variables(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
    return gd.sigmoid(w0 * x0 + w1 * x1 + w2).backward()


def by_leaf(dot: str) -> dict[str, tuple[float, float]]:
    """Value and gradient on the wire of every leaf, by its label."""
    texts = wires(dot)
    return {
        label: tuple(map(number, texts[f"w{name[1:]}"]))
        for name, label in labels(dot).items()
        if name.startswith("n") and "plaintext" in nodes(dot)[name]
    }


def test_the_circuit_of_the_lecture(circuit: Backward) -> None:
    dot = draw(circuit).dot
    assert by_leaf(dot) == {"x": (-2, -4), "y": (5, -4), "z": (-4, 3)}
    assert list(wires(dot).values())[3:] == [("3.00", "−4.00"), ("−12.00", "1.00")]
    assert heading(dot) == "above: value  ·  below: gradient ∂f/∂·"


def test_a_record_and_a_tensor_with_its_record_are_the_same_picture(circuit: Backward) -> None:
    assert draw(circuit).dot == draw(circuit.output, gradients=circuit).dot
    assert draw(circuit).dot == draw(circuit, gradients=circuit).dot


def test_the_neuron_of_the_lecture(neuron: Backward) -> None:
    dot = draw(neuron).dot
    found = by_leaf(dot)
    expected = {"w₀": -0.20, "x₀": 0.39, "w₁": -0.39, "x₁": -0.59, "w₂": 0.20}
    assert {name: gradient for name, (_, gradient) in found.items()} == pytest.approx(expected, abs=0.005)
    assert list(wires(dot).values())[-1] == ("0.73", "1.00")
    assert list(labels(dot).values())[-5:] == ["×", "×", "+", "+", "σ"]


@pytest.mark.parametrize("which", ["sigmoid", ("sigmoid",), {"sigmoid"}, True])
def test_an_unfolded_sigmoid(neuron: Backward, which: object) -> None:
    dot = draw(neuron, unfold=which).dot
    texts = wires(dot)
    assert list(texts.values())[-5:] == [
        ("1.00", "0.20"),
        ("−1.00", "−0.20"),
        ("0.37", "−0.53"),
        ("1.37", "−0.53"),
        ("0.73", "1.00"),
    ]
    assert list(labels(dot).values())[-4:] == ["×−1", "exp", "+1", "1/x"]
    assert dot.count("subgraph cluster_") == 1
    assert "derivative σ(1−σ) = 0.20" in dot
    assert by_leaf(dot) == by_leaf(draw(neuron).dot)


def test_unfolding_works_without_gradients_without_values_and_within(neuron: Backward) -> None:
    f = neuron.output
    assert list(labels(draw(f, unfold=True).dot).values())[-1] == "1/x"
    assert list(labels(draw(neuron.forward_graph, unfold=True).dot).values())[-1] == "1/x"
    inner = gd.sigmoid(gd.softplus(gd.variable(1.0, name="x")))
    assert draw(inner.backward(), unfold=True).dot.count("subgraph cluster_") == 2


def test_what_cannot_be_unfolded_is_named(circuit: Backward) -> None:
    with pytest.raises(ArgumentError, match="'sigmoid' names no scope or composite"):
        draw(circuit, unfold="sigmoid")
    with pytest.raises(ArgumentError, match="'add' is no composite"):
        draw(circuit, unfold="add")


def test_at_a_branch_point_contributions_add() -> None:
    x, y = gd.variables(x=3.0, y=4.0)
    dot = draw((x * y + x).backward()).dot
    texts = wires(dot)
    assert texts["w0"] == ("3.00", "5.00")
    assert {texts["w0_1"], texts["w0_2"]} == {("3.00", "4.00"), ("3.00", "1.00")}
    assert "branch point: gradients add" in heading(dot)
    assert "shape=point" in nodes(dot)["p0"]


def test_a_tensor_used_twice_by_one_operation_has_two_branches() -> None:
    x = gd.variable(3.0, name="x")
    dot = draw((x * x).backward()).dot
    assert wires(dot)["w0_1"] == wires(dot)["w0_2"] == ("3.00", "3.00")
    assert [edge for edge in edges(dot) if edge[1] == "n1"] == [("w0_1", "n1"), ("w0_2", "n1")]


def test_without_gradients_there_are_only_values(circuit: Backward) -> None:
    dot = draw(circuit.output).dot
    assert {below for _, below in wires(dot).values()} == {""}
    assert heading(dot) == "above: value"


def test_a_graph_shows_shapes(circuit: Backward) -> None:
    dot = draw(circuit.forward_graph).dot
    assert set(wires(dot).values()) == {("", "")}
    assert "above" not in dot
    x = gd.variable([1.0, 2.0], name="x")
    dot = draw((x * x).sum().backward().forward_graph).dot
    assert set(wires(dot).values()) == {("2", ""), ("", "")}
    assert heading(dot) == "above: shape"


def test_a_graph_of_both_passes_names_its_gradients(circuit: Backward) -> None:
    found = labels(draw(circuit.graph).dot)
    assert [found[f"out{n}"] for n in range(3)] == ["f", "∂f/∂x = ∂f/∂y", "∂f/∂z"]
    some = circuit.output.backward(wrt=[circuit.tensor("z")]).graph
    assert "f₂" in labels(draw(some).dot).values()


@pytest.mark.parametrize("gradients", [True, {"x": 1.0}])
def test_gradients_are_a_record(circuit: Backward, gradients: object) -> None:
    with pytest.raises(ArgumentError, match=r"(?s)no record.*what backward\(\) returned"):
        draw(circuit.output, gradients=gradients)


def test_copies_made_by_derivatives_are_not_drawn() -> None:
    a = gd.variable(0.5, name="a")
    found = list(labels(draw(gd.grad(gd.grad(gd.tanh))(a)).dot).values())
    assert found.count("a") == 1
    assert "identity" not in found
    assert {"upstream₁", "upstream₂"} < set(found)
    assert "identity" in labels(draw(gd.identity(a) * 2).dot).values()


def test_axes_of_size_one_need_no_operation() -> None:
    w, x = gd.variable([[1.0, 2.0], [3.0, 4.0]], name="W"), gd.variable([1.0, -1.0], name="x")
    dot = draw((w @ x).sum().backward()).dot
    assert list(labels(dot).values()) == ["W", "x", "f", "@", "Σ"]
    assert wires(dot)["w2"] == ("[−1.00, −1.00]", "[1.00, 1.00]")
    dot = draw((x @ x).named("length").backward()).dot
    assert list(labels(dot).values()) == ["x", "length", "@"]
    assert wires(dot)["w0_1"] == wires(dot)["w0_2"] == ("[1.00, −1.00]", "[1.00, −1.00]")
    assert wires(dot)["w1"] == ("2.00", "1.00")
    assert "reshape" in draw(gd.reshape(x, (2, 1))).dot
    assert "reshape" in draw(gd.reshape(w, (4,)).sum()).dot


def test_no_gradient_is_not_zero() -> None:
    x, y = gd.variables(x=2.0, y=3.0)
    dot = draw((x * y * 0).backward(wrt=[x])).dot
    assert by_leaf(dot)["x"] == (2, 0)
    assert wires(dot)["w1"] == ("3.00", "—")
    assert "—: no gradient here" in heading(dot)
    assert "no gradient here" not in heading(draw((x * y * 0).backward()).dot)


def test_numbers_that_are_none() -> None:
    x = gd.variable(0.0, name="x")
    texts = wires(draw((gd.log(x) * x).backward()).dot)
    assert ("first bad: −∞", "0.00") in texts.values()
    assert ("NaN", "1.00") in texts.values()


@pytest.mark.parametrize(
    ("fn", "glyph"),
    [
        (lambda x: x + 1, "+1"),
        (lambda x: x + -1, "−1"),
        (lambda x: 2.5 * x, "×2.5"),
        (lambda x: x - 3, "−3"),
        (lambda x: 3 - x, "3−x"),
        (lambda x: x / 4, "÷4"),
        (lambda x: 1 / x, "1/x"),
        (lambda x: x**2, "x²"),
        (lambda x: x**-1, "x⁻¹"),
        (lambda x: x**0.5, "x^0.5"),
        (lambda x: 2**x, "2ˣ"),
        (lambda x: -x, "×−1"),
        (lambda x: gd.maximum(x, 0), "max 0"),
        (lambda x: gd.exp(x), "exp"),
        (lambda x: gd.softplus(x), "softplus"),
    ],
)
def test_a_constant_is_part_of_the_glyph(fn: object, glyph: str) -> None:
    dot = draw(fn(gd.variable(2.0, name="x")).backward()).dot
    assert labels(dot) == {"n0": "x", "out0": "f", list(labels(dot))[-1]: glyph}


def test_a_constant_with_a_name_or_of_many_digits_is_a_leaf() -> None:
    x = gd.variable(2.0, name="x")
    assert "k" in labels(draw(x * gd.tensor(3.0, name="k")).dot).values()
    assert "constant" in labels(draw(x * math.pi).dot).values()


def test_names() -> None:
    a, b = gd.variable(1.0), gd.variable(2.0)
    q = (a + b).named("q")
    dot = draw((q * 2).named("loss")).dot
    assert list(labels(dot).values())[:3] == ["input₁", "input₂", "loss"]
    assert ("q = 3.00", "") in wires(dot).values()


@pytest.mark.parametrize(
    "name", ["<script>", 'a"b&c\\n', "<B></B>", "&lt;", "\\", "{a|b}", "名", "a" * 99, "\n", "\0", "%s"]
)
@needs_engine
def test_any_name_can_be_shown(name: str) -> None:
    x = gd.variable(2.0, name=name)
    picture = draw((gd.exp(x).named(name) * 2).named(name).backward(), title=name)
    assert "<script" not in picture.svg
    shown = " ".join(name.replace("\0", " ").split())
    if 0 < len(shown) <= 16:
        assert labels(picture.dot)["n0"] == labels(picture.dot)["out0"] == shown
    elif shown:
        assert labels(picture.dot)["n0"].endswith("…")
        assert shown in picture.dot  # whole in the tooltip


def test_small_arrays_are_written_out_and_large_ones_summed_up() -> None:
    x = gd.variable([3.0, 4.0], name="x")
    assert wires(draw(gd.sum(x * x).backward()).dot)["w0"] == ("[3.00, 4.00]", "[6.00, 8.00]")
    x = gd.variable([3.0, 4.0, 0.0, 0.0, 0.0], name="x")
    assert wires(draw(gd.sum(x * x).backward(), style="circuit").dot)["w0"] == ("5 ‖·‖ 5", "5 ‖·‖ 10")


def test_a_leaf_that_is_the_output() -> None:
    x = gd.variable(2.0, name="x")
    dot = draw(x.backward()).dot
    assert wires(dot) == {"w0": ("2.00", "1.00")}
    assert labels(dot) == {"n0": "x", "out0": "x"}


def test_an_output_that_is_used_elsewhere() -> None:
    def two(x: gd.Tensor) -> tuple[gd.Tensor, gd.Tensor]:
        y = gd.exp(x)
        return y, y * x

    x = gd.variable(1.0, name="x")
    first, second = two(x)
    graph = gd.Graph(draw_nodes(second), (first.id, second.id))
    dot = draw(graph).dot
    assert list(labels(dot).values())[:3] == ["x", "f₁", "f₂"]
    assert len([edge for edge in edges(dot) if edge[0] == "p1"]) == 2


def draw_nodes(output: gd.Tensor) -> list[gd.Node]:
    from graphdiff.autodiff.walk import ancestors, node_of

    return [node_of(t) for t in ancestors(output)]


def test_local_gradients_stand_at_the_heads(circuit: Backward) -> None:
    dot = draw(circuit, local_gradients=True).dot
    assert [part.split("<")[0] for part in dot.split(">×")[1:] if part[0] in "−0123456789"] == [
        "1.00",
        "1.00",
        "3.00",
        "−4.00",
    ]
    assert "×: local gradient" in heading(dot)
    assert wires(dot) == wires(draw(circuit).dot)
    with pytest.raises(ArgumentError, match="backward"):
        draw(circuit.output, local_gradients=True)


def test_the_backward_pass_is_a_graph_of_its_own(circuit: Backward) -> None:
    dot = draw(circuit, show="backward").dot
    assert sorted(labels(dot).values()) == ["x+y", "z", "×", "×", "∂f/∂f", "∂f/∂x = ∂f/∂y", "∂f/∂z"]
    assert {("", "−4.00"), ("", "3.00"), ("", "1.00"), ("−4.00", ""), ("3.00", "")} == set(
        wires(dot).values()
    )
    assert "square: backward" in heading(dot)


def test_both_passes_are_told_apart_by_shape(circuit: Backward) -> None:
    dot = draw(circuit, show="both").dot
    shapes = [rest.split("shape=")[1].split()[0] for name, rest in nodes(dot).items() if "fillcolor" in rest]
    assert shapes == ["circle", "circle", "box", "box"]
    assert ("v₁ = 3.00", "") in wires(dot).values()
    assert [text for name, text in labels(dot).items() if name.startswith("t")] == ["z", "v₁"]


@pytest.mark.parametrize("show", ["backward", "both"])
def test_passes_of_unusual_records(show: str) -> None:
    x, y = gd.variables(x=2.0, y=3.0)
    q = x * y
    f = q + x
    for record in (
        x.backward(),
        f.backward(y),
        f.backward(wrt=[q, x]),
        f.backward(wrt=[x, gd.variable(1.0)]),
        f.backward(wrt=[f]),
    ):
        assert draw(record, show=show).dot.startswith("digraph")


def test_a_gradient_is_a_tensor_that_can_be_drawn() -> None:
    x = gd.variable(2.0, name="x")
    first = (x**3).backward()[x]
    dot = draw(first.backward(wrt=[x])).dot
    assert by_leaf(dot)["x"] == (2, 12)


def test_errors_say_what_to_do(circuit: Backward) -> None:
    other = gd.variable(1.0, name="other")
    for wrong in (
        lambda: draw(other, gradients=circuit),
        lambda: draw(circuit, gradients=(other * 2).backward()),
        lambda: draw(circuit.output, show="backward"),
        lambda: draw(circuit, show="sideways"),
        lambda: draw(circuit, style="pretty"),
        lambda: draw(3.0),
    ):
        with pytest.raises(ArgumentError) as caught:
            wrong()
        assert caught.value.fix


def test_auto_takes_the_style_that_fits() -> None:
    x = gd.variable(1.0, name="x")
    y = x
    for _ in range(40):
        y = gd.exp(y * 0 + 1) if y is x else gd.sin(y)
    assert "rankdir=TB" in draw(y).dot
    assert "rankdir=LR" in draw(y, style="circuit").dot
    assert "rankdir=TB" in draw(gd.exp(gd.variable([1.0] * 5))).dot
    assert "rankdir=LR" in draw(gd.exp(gd.variable([1.0] * 4))).dot
    assert "rankdir=TB" in draw(gd.exp(x), style="overview").dot


@st.composite
def computations(data: st.DrawFn) -> gd.Tensor:
    """A random graph of scalars: any operation on anything computed before."""
    made = [gd.variable(data(st.floats(-2, 2)), name=data(st.text(max_size=3))) for _ in range(2)]
    for _ in range(data(st.integers(0, 8))):
        one, other = data(st.sampled_from(made)), data(st.sampled_from([*made, 2.0]))
        operation = data(st.sampled_from([gd.add, gd.multiply, gd.subtract, gd.maximum]))
        made.append(gd.sigmoid(one) if data(st.booleans()) else operation(one, other))
    return made[-1]


@needs_engine
@given(computations(), st.sampled_from(["forward", "backward", "both"]), st.booleans(), st.booleans())
def test_random_graphs_are_drawn(f: gd.Tensor, show: str, unfold: bool, local: bool) -> None:
    back = f.backward()
    local = local and show == "forward"
    for style in ("circuit", "tensor", "overview"):
        picture = draw(back, show=show, unfold=unfold, local_gradients=local, style=style)
        assert layout.render(picture.dot, "svg").startswith(b"<?xml")
        assert picture.dot == draw(back, show=show, unfold=unfold, local_gradients=local, style=style).dot


@given(computations())
def test_what_is_on_the_wires_is_what_was_recorded(f: gd.Tensor) -> None:
    back = f.backward()
    texts = wires(draw(back).dot)
    for i, node in enumerate(back.forward_graph):
        if f"w{i}" in texts:
            above, below = texts[f"w{i}"]
            assert number(above.split("= ")[-1]) == pytest.approx(float(back.tensor(node)), abs=0.005)
            if below != "—":
                assert number(below) == pytest.approx(float(back[node]), abs=0.005)
