"""What importing graphdiff costs, who may import whom, and that the wheel holds everything."""

import subprocess
import sys

import pytest


def loaded_by(code):
    """The top-level modules loaded by a program in a fresh interpreter."""
    program = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {
    "torch",
    "networkx",
    "graphviz",
    "pygraphviz",
    "matplotlib",
    "scipy",
    "sklearn",
    "rich",
    "click",
    "jinja2",
    "PIL",
}
HEAVY |= {"hypothesis", "pytest", "graphdiff_numpy", "graphdiff_layers", "graphdiff_losses"}


def test_import_graphdiff_is_light():
    loaded = loaded_by("import graphdiff")
    assert "graphdiff" in loaded
    assert loaded & HEAVY == set()


def test_a_circuit_needs_only_the_numpy_backend():
    loaded = loaded_by(
        "import graphdiff as gd; x = gd.variable(2.0); (x * x + x).backward(); gd.draw(x * x).dot"
    )
    assert loaded & HEAVY <= {"graphdiff_numpy", "graphviz"}


def test_looking_one_plugin_up_loads_no_other():
    loaded = loaded_by("import graphdiff as gd; gd.layers.Linear")
    assert "graphdiff_layers" in loaded
    assert loaded & HEAVY == {"graphdiff_layers"}


def test_graphdiff_testing_does_without_hypothesis():
    assert "hypothesis" not in loaded_by("from graphdiff.testing import check_gradients, RandomSource")


def test_the_core_imports_no_backend_and_no_plugin():
    # In a process of its own: import-linter switches this one's loggers off.
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name",
    "layers losses optimizers schedules models datasets transforms backends renderers".split(),
)
def test_every_built_in_plugin_loads_and_is_graphdiffs(name):
    from graphdiff.plugins import Registry

    registry = Registry(name)
    for plugin in registry.list():
        assert plugin.distribution == "graphdiff"
        registry[plugin.name]
    assert {plugin.status for plugin in registry.list()} == {"ok"}
