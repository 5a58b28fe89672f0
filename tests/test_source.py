"""The line an error names is the user's, wherever it stands; where there is no line to name, none is."""

import subprocess
import sys
import textwrap
import types

import pytest

import graphdiff as gd

WRONG = "gd.matmul([[1.0, 2.0]], [[1.0, 2.0]])"


def said(call, *args):
    with pytest.raises(gd.GraphdiffError) as caught:
        call(*args)
    return caught.value


def run(*command, **options):
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120, **options)
    return done.stdout + done.stderr


def test_a_text_given_to_python():
    assert "at: <string>:2\n" in run("-c", f"import graphdiff as gd\n{WRONG}")


def test_a_line_typed_at_the_prompt():
    assert "at: <stdin>:1\n" in run("-i", input=f"import graphdiff as gd\n{WRONG}\n")


@pytest.mark.parametrize("flags", [[], ["-O"], ["-OO"]])
def test_a_script_optimised_or_not(flags, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        f"import graphdiff as gd\n\n\ndef loss():\n    return (\n        {WRONG}\n    )\n\n\nloss()\n"
    )
    out = run(*flags, "train.py", cwd=tmp_path)
    assert "at: train.py:6\n" in out
    assert "matmul: matrices (1, 2) and (1, 2) do not multiply" in out


def test_a_module_run_as_a_zip_file(tmp_path):
    import zipfile

    path = tmp_path / "app.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("__main__.py", f"import graphdiff as gd\n{WRONG}\n")
    assert "at: app.zip/__main__.py:2\n" in run("app.zip", cwd=tmp_path)


def test_a_text_that_is_executed_under_any_name():
    code = compile(f"def f():\n    {WRONG}\n", "a formula", "exec")
    for names in ({}, {"__name__": "plan"}, {"__name__": None}):
        space = {"gd": gd, **names}
        exec(code, space)
        assert said(space["f"]).source == "a formula:2"


def test_a_module_that_is_frozen():
    code = compile(f"import graphdiff as gd\ndef f():\n    {WRONG}\n", "<frozen plan>", "exec")
    module = types.ModuleType("plan")
    exec(code, vars(module))
    assert said(module.f).source == "<frozen plan>:3"


def test_a_working_folder_that_is_gone(tmp_path):
    script = f"""
        import os, sys
        import graphdiff as gd
        os.rmdir(os.getcwd())
        {WRONG}
    """
    where = tmp_path / "gone"
    where.mkdir()
    out = run("-c", textwrap.dedent(script), cwd=where)
    assert "at: <string>:5\n" in out


def test_a_cell_of_a_notebook():
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell.instance()
    try:
        cells = (
            "import graphdiff as gd",
            f"def f():\n    x = 1\n    return {WRONG}",
            "f()",
            f"1 + 1\n{WRONG}",
        )
        *_, through, direct = [shell.run_cell(cell, store_history=True, silent=False) for cell in cells]
        assert through.error_in_exec.source == "Cell In[2]:3"
        assert direct.error_in_exec.source == "Cell In[4]:2"
    finally:
        interactive.InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: gd.draw(3), "draw"),
        (lambda: gd.layers.Dropout("a"), "Dropout"),
        (lambda: gd.transforms.Resize(0), "Resize"),
        (lambda: gd.backend(3).__enter__(), "backend"),
        (lambda: gd.variable([1.0, 2.0]) + "a", "add"),
        (lambda: "a" + gd.variable([1.0, 2.0]), "add"),
        (lambda: gd.sum("a"), "sum"),
        (lambda: gd.layers.Linear(1, 1).load_state_dict(3), "Linear.load_state_dict"),
        (lambda: gd.optimizers.SGD(0.1).step(3, {}), "SGD.step"),
    ],
)
def test_an_error_says_what_was_called(call, name):
    assert str(said(call)).startswith(f"{name}: ")


@pytest.mark.parametrize("call", [lambda: gd.layers.Linaer, lambda: gd.grad(lambda x: None)(1.0)])
def test_what_nobody_wrote_is_not_said_to_be_called(call):
    error = said(call)
    assert str(error).startswith(error.what)
