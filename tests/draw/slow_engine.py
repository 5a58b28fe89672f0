"""A layout engine that never comes back from long texts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from graphdiff.draw import layout

SLOW = """#!/bin/sh
cat > {input}
if [ $(wc -c < {input}) -gt {most} ]; then while :; do echo >> {beat}; sleep 0.02; done; fi
exec {engine} "$@" < {input}
"""


def plant(monkeypatch: pytest.MonkeyPatch, folder: Path, most: int) -> Path:
    """Let GRAPHVIZ_DOT name an engine that hangs on more than ``most`` bytes of DOT text.

    Returns a file that grows while it hangs.
    """
    engine = shlex.join(layout._engine().command)
    program = folder / "slow"
    beat = folder / "beat"
    program.write_text(SLOW.format(input=folder / "input", most=most, beat=beat, engine=engine))
    program.chmod(0o755)
    monkeypatch.setenv("GRAPHVIZ_DOT", str(program))
    assert sys.platform != "win32"
    return beat
