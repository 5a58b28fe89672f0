"""``graphdiff plugins new``: what it makes is installed, found, right, and never in the way of anything."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from graphdiff.cli import main


def new(name):
    return CliRunner().invoke(main, ["plugins", "new", name])


class Project:
    """A fresh project that stands on the path with its metadata, as installing it would put it there."""

    def __init__(self, root, name):
        self.name, self.folder, site = name, root / name, root / "site"
        about = tomllib.loads((self.folder / "pyproject.toml").read_text("utf-8"))["project"]
        info = site / f"{name.replace('-', '_')}-{about['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {about['version']}\n")
        groups = about["entry-points"]
        lines = [line for g in groups for line in (f"[{g}]", *(f"{k} = {v}" for k, v in groups[g].items()))]
        (info / "entry_points.txt").write_text("\n".join(lines))
        path = os.pathsep.join(map(str, [site, self.folder / "src"]))
        self.environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        for variable in ("GRAPHDIFF_PREFER", "GRAPHDIFF_DISABLE_PLUGINS", "PYTEST_ADDOPTS"):
            self.environment.pop(variable, None)

    def run(self, *command):
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert new("my-layers").exit_code == 0
    return Project(root, "my-layers")


def test_its_tests_pass(project):
    assert " passed" in project.run("-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_its_style_and_types_are_right(project):
    project.run("-m", "ruff", "check", "--no-cache")
    project.run("-m", "ruff", "format", "--check", "--no-cache")
    project.run("-m", "mypy", "--cache-dir", os.devnull)


def test_the_command_shows_it(project):
    listed = json.loads(project.run("-m", "graphdiff", "plugins", "list", "--json"))["plugins"]
    found = {(p["kind"], p["name"], p["version"]) for p in listed if p["distribution"] == "my-layers"}
    assert found == {
        ("primitives", "my_layers_snake", "0.1.0"),
        ("layers", "Snake", "0.1.0"),
        ("losses", "log_cosh", "0.1.0"),
        ("optimizers", "Signum", "0.1.0"),
    }
    told = project.run("-m", "graphdiff", "plugins", "info", "Snake")
    source = (project.folder / "src/my_layers/layer.py").read_text("utf-8").splitlines()
    line = 1 + source.index("class Snake(gd.Module):")
    for part in ("my-layers 0.1.0", "status: ok", f"layer.py:{line}\n", "Snake(features: int)", "sin²(ax)"):
        assert part in told


def test_the_command_checks_it(project):
    assert "Snake: 16 checks passed: gradients" in project.run("-m", "graphdiff", "plugins", "check", "Snake")
    assert " checks passed" in project.run("-m", "graphdiff", "plugins", "check", "my-layers:my_layers_snake")


WHOLE_LIFE = """
import numpy as np, graphdiff as gd

gd.seed(0)
x = np.linspace(-2, 2, 24, dtype="float32").reshape(8, 3)

def network():
    return gd.layers.Sequential(gd.layers.Linear(3, 4), gd.layers.Snake(4), gd.layers.Linear(4, 1))

def trained(backend, compiled):
    gd.seed(0)
    with gd.backend(backend):
        model, optimizer = network(), gd.optimizers.Signum(lr=0.01)
        def step(x, y):
            loss = gd.losses.log_cosh(model(x), y)
            optimizer.step(model, loss.backward())
            return loss
        step = gd.compile(step) if compiled else step
        losses = [step(x, np.sin(x.sum(1, keepdims=True))).item() for _ in range(30)]
    assert losses[-1] < losses[0]
    return model, losses

models = {(b, c): trained(b, c) for b in ("numpy", "torch") for c in (False, True)}
assert models["numpy", False][1] == models["numpy", True][1]
for _, losses in models.values():
    np.testing.assert_allclose(losses, models["numpy", False][1], rtol=1e-4)

model = models["numpy", True][0]
assert not np.allclose(model[1].frequency.numpy(), 1)
gd.save_state("w.safetensors", model.state_dict())
again = network()
again.load_state_dict(gd.load_state("w.safetensors"))
assert np.array_equal(again(x).numpy(), model(x).numpy())

loss = gd.losses.log_cosh(model(x), x[:, :1])
gd.draw(loss, gradients=loss.backward()).save("network.svg")
assert "my_layers_snake" in open("network.svg", encoding="utf-8").read()
y = gd.layers.Snake(1)(gd.variable([0.5], name="x"))
gd.draw(y).save("circuit.svg")
assert "snake" in open("circuit.svg", encoding="utf-8").read()

open("graph.json", "w").write(gd.make_graph(network(), x).to_json())
"""

READ_AGAIN = """
import graphdiff as gd

read = gd.Graph.from_json(open("graph.json").read())  # which looks the primitive up: nothing imported it
assert any(n.primitive is gd.primitives.my_layers_snake for n in read.nodes)
"""


def test_its_layer_trains_on_both_backends_is_saved_loaded_and_drawn(project):
    project.run("-c", WHOLE_LIFE)
    project.run("-c", READ_AGAIN)


# Where the project goes, and what it may be called


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_is_there_is_never_overwritten(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(Path("mine"))
    result = new("mine")
    assert result.exit_code == 1
    assert "'mine' cannot be made" in result.output
    assert "never overwritten" in result.output
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "names no distribution"),
        ("a b", "names no distribution"),
        ("../up", "names no distribution"),
        ("-x", "names no distribution"),
        ("x.", "names no distribution"),
        ("naïve", "names no distribution"),
        ("3d", "no name in Python"),
        ("class", "a keyword"),
        ("json", "a module of Python's own"),
        ("GraphDiff", "graphdiff itself"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["plugins", "new", "--", name])
    assert result.exit_code == 1
    assert reason in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "warning"),
    [("NumPy", "a distribution 'NumPy' is installed"), ("sklearn", "a module 'sklearn' is installed")],
)
def test_a_name_that_is_taken_is_warned_of(tmp_path, monkeypatch, name, warning):
    monkeypatch.chdir(tmp_path)
    result = new(name)
    assert result.exit_code == 0
    assert f"warning: {warning}" in result.output
    assert (tmp_path / name / "pyproject.toml").is_file()


def test_a_name_is_normalized_for_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "warning" not in new("My.Own-_Layers").output
    assert (tmp_path / "My.Own-_Layers/src/my_own_layers/layer.py").is_file()


FRESH = """
set -e
"$PYTHON" -m venv env
env/bin/pip install -q "$REPOSITORY[torch]" pytest
env/bin/graphdiff plugins new my-layers
env/bin/pip install -q ./my-layers
env/bin/pytest -q -p no:cacheprovider my-layers
env/bin/graphdiff plugins list
cd my-layers
../env/bin/python -c "$WHOLE_LIFE"
"""


@pytest.mark.campaign
def test_in_a_fresh_environment(tmp_path):
    repository = Path(__file__).parents[1]
    variables = os.environ | {
        "PYTHON": sys.executable,
        "REPOSITORY": str(repository),
        "WHOLE_LIFE": WHOLE_LIFE,
    }
    variables.pop("PYTHONPATH", None)
    done = subprocess.run(
        ["bash", "-c", FRESH], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "my-layers" in done.stdout
