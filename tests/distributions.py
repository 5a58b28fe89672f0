"""Distributions for the tests of plugins: real ones, a `*.dist-info` with its METADATA and entry_points.txt,
and modules that Python imports."""

from __future__ import annotations

import itertools
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphdiff.plugins import Registry, refresh

_numbers = itertools.count()


class World:
    """Installs distributions, and has a registry of a kind that no other test uses."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.patch = root, patch
        self.kind = f"kind{next(_numbers)}"
        self.registry = Registry(self.kind)

    def install(
        self,
        distribution: str,
        version: str = "1.0",
        *,
        folder: str = "site",
        metadata: str | None = None,
        modules: dict[str, str] | None = None,
        **entries: str,
    ) -> Path:
        """Writes a distribution whose entry points, name=value, are of this world's kind."""
        site = self.root / folder
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        if metadata is None:
            metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)
        lines = [f"[graphdiff.{self.kind}]", *(f"{name} = {value}" for name, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for module, source in (modules or {}).items():
            self.write(module, source, folder)
        if str(site) not in sys.path:
            self.patch.syspath_prepend(site)
        refresh()
        return info

    def write(self, module: str, source: str, folder: str = "site") -> None:
        path = self.root / folder / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))

    def statuses(self) -> dict[str, str]:
        return {f"{info.distribution}:{info.name}": info.status for info in self.registry.list()}


def new_world(root: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world that takes what it installed away in the end."""
    patch.delenv("GRAPHDIFF_PREFER", raising=False)
    patch.delenv("GRAPHDIFF_DISABLE_PLUGINS", raising=False)
    patch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield World(root, patch)
    for name in set(sys.modules) - before:
        if str(root) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    patch.undo()
    refresh()
