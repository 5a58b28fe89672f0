"""No source of graphdiff downloads, unpickles or hands text to a shell; so no test of a file can miss one."""

import ast
from pathlib import Path

import pytest

import graphdiff

ROOT = Path(graphdiff.__file__).parent.parent
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for room in ("graphdiff", "plugins", "backends")
    for path in (ROOT / room).rglob("*.py")
)
MODULES = set(
    "pickle cPickle _pickle dill cloudpickle joblib marshal shelve yaml urllib http requests httpx aiohttp "
    "socket ftplib telnetlib smtplib xmlrpc webbrowser ctypes pty commands".split()
)
CALLS = {"eval", "exec", "__import__", "system", "popen", "extractall", "unpack_archive", "getoutput"}
OPTIONS = {("shell", True), ("allow_pickle", True), ("weights_only", False)}

# Each runs what graphdiff itself has written, or copies a module that is there.
KNOWN = {
    "graphdiff/compile/executable.py": ["exec"],
    "graphdiff/autodiff/visits.py": ["exec"],
    "graphdiff/testing/layer_behaviour.py": ["pickle"],
}


def doubtful(source):
    """The names in a source that could execute, unpickle or download, in order."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            base = getattr(node, "module", None)
            names = [alias.name for alias in node.names] if base is None else [base]
            yield from (name for name in names if name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            function = node.func
            called = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            own = called == "eval" and isinstance(function, ast.Attribute)  # a module's evaluation mode
            if called in CALLS and not own:
                yield called
            for option in node.keywords:
                if (option.arg, getattr(option.value, "value", None)) in OPTIONS:
                    yield option.arg


@pytest.mark.parametrize("path", SOURCES)
def test_a_source_does_nothing_doubtful(path):
    assert list(doubtful((ROOT / path).read_text("utf-8"))) == KNOWN.get(path, [])


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "import http.client",
        "eval('1')",
        "exec('1')",
        "os.system('true')",
        "subprocess.run('true', shell=True)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path, weights_only=False)",
        "archive.extractall(path)",
        "__import__(name)",
    ],
)
def test_what_is_doubtful_is_seen(source):
    assert list(doubtful(source))
