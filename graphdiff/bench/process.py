"""A contestant's process, as seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from typing import Any

from graphdiff.bench.machine import environment, pin_cores
from graphdiff.bench.workloads import Workload


class Failure(Exception):
    """A contestant that ended, or did not answer in time."""


class Process:
    """Runs ``graphdiff.bench.worker``.

    Attributes:
        started: its first message.
    """

    def __init__(self, contestant: str, workload: Workload, arrays: str) -> None:
        self.contestant = contestant
        self.started: dict[str, Any] = {}
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "graphdiff.bench.worker", contestant, workload.name, arrays],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=environment(workload.device),
        )
        if workload.device == "cpu":
            pin_cores(self._process.pid)

    def hear(self, seconds: float) -> dict[str, Any]:
        """The next message.

        Raises:
            Failure: none within so many seconds, or the process ended.
        """
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        in_time = timer.is_alive()
        timer.cancel()
        if not line:
            raise Failure(self._why() if in_time else f"no answer in {seconds:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def turn(self, seconds: float, patience: float) -> dict[str, Any]:
        """Take steps for so many seconds.

        Raises:
            Failure: as above.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{seconds}\n")
            self._process.stdin.flush()
        except OSError:
            raise Failure(self._why()) from None
        return self.hear(patience)

    def _why(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return f"ended with code {code}: {lines[-1] if lines else 'no message'}"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()  # closes the pipes
        self._errors.close()
