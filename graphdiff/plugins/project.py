"""``graphdiff plugins new``: a project with a few plugins, ready to install and to change."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import keyword
import re
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from graphdiff.errors import ArgumentError
from graphdiff.plugins.discovery import normalized
from graphdiff.plugins.settings import BUILT_IN

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508, "Names"
_CONTENTS = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/tests.yml": "tests.yml",
    "src/{package}/__init__.py": "init.py",
    "src/{package}/py.typed": "",
    "src/{package}/primitive.py": "primitive.py",
    "src/{package}/layer.py": "layer.py",
    "src/{package}/loss.py": "loss.py",
    "src/{package}/optimizer.py": "optimizer.py",
    "tests/test_plugins.py": "test_plugins.py",
}
"""File of the project -> its template."""


def new_project(name: str, say: Callable[[str], None]) -> Path:
    """Make a project in a new folder of that name in the current one.

    Args:
        name: of the distribution; the package is called the same, with underscores.
        say: hears warnings, and what to do next.

    Raises:
        ArgumentError: a name that cannot be, or a folder or file that is already there.
    """
    package = _package(name)
    texts = {path.format(package=package): text for path, text in _texts(name, package).items()}
    root = Path(name)
    try:
        root.mkdir()
    except OSError as problem:
        raise ArgumentError(
            f"the folder {name!r} cannot be made: {problem.strerror}",
            fix="choose another name or another folder; what is there is never overwritten",
        ) from problem
    for path, text in texts.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    for warning in _doubts(name, package):
        say(f"warning: {warning}")
    say(f"{name}/ holds a layer, a loss, an optimizer and a primitive with its derivative. Next:")
    say(f'  pip install -e "./{name}[test]"\n  graphdiff plugins info Snake\n  pytest {name}')
    return root


def _package(name: str) -> str:
    """The importable name."""
    if not _NAME.fullmatch(name):
        reason = "a distribution's name is made of ASCII letters, digits, and '.', '_', '-' between them"
        raise ArgumentError(f"{name!r} names no distribution: {reason}", fix="such as my-layers")
    package = normalized(name).replace("-", "_")
    if not package.isidentifier() or keyword.iskeyword(package):
        what = "a keyword" if keyword.iskeyword(package) else "no name"
        raise _no_package(name, package, f"{what} in Python")
    if package in sys.stdlib_module_names or package == BUILT_IN:
        owner = "graphdiff itself" if package == BUILT_IN else "a module of Python's own"
        raise _no_package(name, package, owner)
    return package


def _no_package(name: str, package: str, what: str) -> ArgumentError:
    return ArgumentError(f"{name!r} makes a package {package!r}, which is {what}", fix=f"my-{name}")


def _texts(name: str, package: str) -> dict[str, str]:
    """What the files hold."""
    import jinja2

    folder = files("graphdiff.plugins") / "template"
    environment = jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    known = {"name": name, "package": package, "graphdiff": importlib.metadata.version(BUILT_IN)}
    return {
        path: environment.from_string((folder / f"{source}.jinja").read_text("utf-8")).render(known)
        if source
        else ""
        for path, source in _CONTENTS.items()
    }


def _doubts(name: str, package: str) -> list[str]:
    """What speaks against a name, and does not rule it out."""
    if _installed(name):
        return [f"a distribution {name!r} is installed here; installing the project would replace it"]
    if importlib.util.find_spec(package):
        return [f"a module {package!r} is installed here, and one of the two would hide the other"]
    return []


def _installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
