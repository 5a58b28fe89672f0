"""The README's Python runs as it stands, and says what is true."""

import re
from pathlib import Path

import pytest

import graphdiff as gd

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """What the examples define, run one after the other in an empty folder."""
    scope = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        for code in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL):
            exec(compile(code, str(README), "exec"), scope)
        assert Path("circuit.svg").read_text("utf-8").count("−4.00") == 4
    yield scope
    for name in ("numpy", "torch"):
        del gd.get_backend(name).kernels["cube"]


def test_the_gradients_are_those_it_prints(examples):
    assert [examples["back"][examples[name]].item() for name in "xyz"] == [-4, -4, 3]


def test_the_operations_it_defines_are_right(examples):
    from graphdiff.testing import check_gradients

    check_gradients(examples["mish"], [0.5, -1.0])
    check_gradients(examples["cube"], [0.5, -1.0])


def test_its_training_step_learns(examples):
    step, data = examples["step"], examples["data"]
    losses = [step(data.train.inputs[:32], data.train.labels[:32]).item() for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]


def test_its_pictures_are_there():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README.read_text("utf-8")):
        assert (README.parent / path).is_file(), path
