"""``graphdiff draw``: what scripts and models give, and an answer to every mistake."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from draw.reading import labels

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.draw import layout

SCRIPT = """
import graphdiff as gd
x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
f = (x + y) * z
back = f.backward()
graph = gd.make_graph(lambda a: gd.tanh(a), x)
net = gd.layers.Sequential(gd.layers.Linear(4, 8), gd.layers.ReLU(), gd.layers.Linear(8, 3))
square = gd.compile(lambda a: a * a)
called = gd.compile(lambda a: a * a)
called(x.data)
picture = gd.draw(f, title="made by the script")
number = 3
def product(a, b):
    return a @ b
if __name__ == "__main__":
    raise RuntimeError("run as the main program")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["draw", *arguments])


def drawn(*arguments: str) -> str:
    result = run(*arguments, "--out", "out.dot")
    assert result.exit_code == 0, result.output
    assert "out.dot" in result.output
    return Path("out.dot").read_text("utf-8")


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.output.startswith("Error: ")
    return result.output


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["script.py:f"], ["−12.00", "above: value"]),
        (["script.py:f", "--backward"], ["below: gradient", "−4.00"]),
        (["script.py:back"], ["below: gradient", "−4.00"]),
        (["script.py:graph"], ["tanh"]),
        (["script.py:net", "--input", "2x4"], ["40 params", "no backward yet"]),
        (["script.py:net", "--input", "2x4", "--backward"], ["‖∇W‖", "loss"]),
        (["script.py:square", "--input", "3"], ["×"]),
        (["script.py:called"], ["×"]),
        (["script.py:product", "--input", "2x3", "--input", "3x4"], ["matmul", "2×3", "3×4"]),
        (["script.py:product", "--input", "2x3", "--input", "3x4", "--backward"], ["matmul", "mean"]),
        (["script.py:picture"], ["made by the script"]),
        (["--model", "lenet5", "--input", "1x1x28x28"], ["lenet5", "no backward yet"]),
        (
            [*"--model mlp -m in_features=6 -m num_classes=3 --input 2x6 --boxes 1".split()],
            ["shown as 1 box"],
        ),
    ],
)
def test_what_can_be_drawn(folder: Path, arguments: list[str], shown: list[str]) -> None:
    dot = drawn(*arguments)
    assert all(text in dot for text in shown)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["nothing to draw", "SCRIPT.py:NAME", "--model resnet50 --input 1x3x224x224"]),
        (["script.py:f", "--model", "lenet5"], ["a script and a model"]),
        (["nothing.py:f"], ["nothing.py is no file"]),
        (["script.py"], ["which object", "f (Tensor)", "net (Sequential)"]),
        (["script.py:bakc"], ["no 'bakc'", "Did you mean 'back'?", "f (Tensor)"]),
        (["script.py:number"], ["number is of type int", "f (Tensor)"]),
        (["script.py:net"], ["net needs an input", "--input"]),
        (["script.py:net", "--backward"], ["needs an input"]),
        (["script.py:net", "--input", "2x5"], ["layer: 0 (Linear)", "takes 4 features", "[2, 5]"]),
        (["script.py:net", "--input", "four"], ["'four' is no shape", "1x3x224x224"]),
        (["script.py:net", "--input", "2x4:float3"], ["float3"]),
        (["script.py:net", "--input", "2x4", "--input", "2"], ["cannot be called so"]),
        (["script.py:product", "--input", "2x3"], ["missing 1 required positional argument: 'b'"]),
        (["script.py:square"], ["square needs an input"]),
        (["script.py:f", "--style", "cubist"], ["'cubist' is unknown", "'circuit'"]),
        (["script.py:f", "--unfold", "nothing"], ["'nothing'"]),
        (["script.py:f", "--out", "x.jpeg"], ["'x.jpeg'", ".svg", ".mmd"]),
        (["script.py:f", "--out", "nowhere/x.dot"], ["nowhere/x.dot cannot be written"]),
        (["--model", "lenet", "--input", "1x1x28x28"], ["Did you mean 'lenet5'"]),
        (
            ["--model", "lenet5", "--input", "1x3x28x28"],
            ["layer: features.0 (Conv2d)", "3 channels", "[1, 3, 28, 28]"],
        ),
        (["--model", "mlp", "--input", "2x6"], ["missing", "in_features", "NAME=VALUE"]),
        (["--model", "mlp", "-m", "x", "--input", "2x6"], ["NAME=VALUE"]),
    ],
)
def test_every_mistake_is_answered(folder: Path, arguments: list[str], said: list[str]) -> None:
    output = refused(*arguments)
    assert all(text in output for text in said), output
    assert "Traceback" not in output
    assert "click" not in output  # no line of a user's is at fault that is not the user's


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import graphdiff\n\n1 / 0", "broken.py failed in line 3: ZeroDivisionError: division by zero"),
        ("def (", "broken.py failed in line 1: SyntaxError"),
        ("raise SystemExit(2)", "broken.py failed in line 1: SystemExit: 2"),
        ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
        ("import graphdiff as gd\ngd.variable([1.0, 2.0]) + gd.variable([1.0, 2.0, 3.0])", "at: broken.py:2"),
        ("", "It can draw: nothing"),
    ],
)
def test_a_script_that_fails_is_told_with_its_line(folder: Path, source: str, said: str) -> None:
    (folder / "broken.py").write_text(source)
    output = refused("broken.py:f")
    assert said in output
    assert "Traceback" not in output


def test_a_script_finds_its_neighbours_and_leaves_the_path_as_it_was(folder: Path) -> None:
    import sys

    (folder / "sub").mkdir()
    (folder / "sub" / "neighbour_of_a_script.py").write_text("import graphdiff as gd\nx = gd.variable(3.0)")
    (folder / "sub" / "uses.py").write_text("from neighbour_of_a_script import x\nf = x * x")
    before = list(sys.path)
    assert "9.00" in drawn("sub/uses.py:f")
    assert sys.path == before


def test_shapes_alone_are_computed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = gd.get_backend("numpy").kernels

    def computed(*args: object, **params: object) -> None:
        raise AssertionError("a convolution was computed")

    monkeypatch.setitem(kernels, "conv2d", computed)
    assert "1×64×112×112" in drawn("--model", "resnet18", "--input", "1x3x224x224")


def test_the_file_is_named_after_what_is_drawn_and_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    monkeypatch.setattr(layout, "render", lambda *_, **__: b"<svg/>")
    assert run("script.py:f", "--open").exit_code == 0
    assert (folder / "f.svg").read_bytes() == b"<svg/>"
    assert opened == ["f.svg"]


def test_operations_of_the_command_itself_have_no_source(folder: Path) -> None:
    dot = drawn("--model", "lenet5", "--input", "1x1x28x28")
    assert ".py:" not in dot
    assert labels(dot)
    assert "script.py:4" in drawn("script.py:f")
