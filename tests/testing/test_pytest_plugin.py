"""``pytest --graphdiff-backend``: which backend tests run on; without it graphdiff is not even imported."""

import subprocess
import sys
import textwrap

import pytest

TEST = """
    import sys

    def test_backend():
        assert ("graphdiff" in sys.modules) is {asked}
        import graphdiff as gd
        assert gd.zeros(2).backend.name == "{name}"
"""


def run(folder, name, *options):
    text = TEST.format(asked=bool(options), name=name)
    (folder / "test_it.py").write_text(textwrap.dedent(text))
    # Not as the installed entry point, so that the plugin of this working tree is run.
    chosen = ["-p", "no:graphdiff", "-p", "graphdiff_pytest", "-p", "no:cacheprovider", *options]
    command = [sys.executable, "-m", "pytest", "-q", *chosen, "test_it.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["torch", "numpy"])
def test_every_test_runs_on_the_backend_that_is_named(tmp_path, name):
    done = run(tmp_path, name, f"--graphdiff-backend={name}")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_without_the_option_nothing_changes(tmp_path):
    done = run(tmp_path, "numpy")
    assert done.returncode == 0, done.stdout


def test_an_unknown_backend_is_named(tmp_path):
    done = run(tmp_path, "numpyy", "--graphdiff-backend=numpyy")
    assert done.returncode == 1
    assert "'numpyy'" in done.stdout
