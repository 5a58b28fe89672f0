"""Runs of one and of two processes that are killed at any moment, and gone on with, end as if they had not
been: to the last bit in one process, within 1e-6 in two."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import graphdiff as gd

pytest.importorskip("torch")
JOB = Path(__file__).with_name("kill_job.py")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=3")
TRAIN = ("train", "--data", "digits", "--epochs", "3", "--early-stopping", "2", "--checkpoint-every", "2")
LONGEST = 120  # seconds that a life takes


class Run:
    """A kind of run.

    Attributes:
        command: after "python"; FOLDER stands for where it goes.
        end: the file in the folder that holds its weights when it is through.
        two: whether a launcher starts two processes, and starts them anew.
    """

    def __init__(self, *command, end="end.safetensors"):
        self.command, self.end = command, end
        self.two = "torch.distributed.run" in command

    def start(self, folder, resume=False, **environment):
        folder.mkdir(exist_ok=True)
        again = ("--resume",) if resume and self.end == "weights.safetensors" else ()
        command = [str(folder) if word == "FOLDER" else str(word) for word in (*self.command, *again)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "TORCHELASTIC"))}
        with open(folder / "said.txt", "a") as said:
            return subprocess.Popen(
                [sys.executable, *command],
                env={**kept, "OMP_NUM_THREADS": "1", **environment},
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def finish(self, process, folder):
        try:
            status = process.wait(LONGEST)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert status == 0, (folder / "said.txt").read_text()[-3000:]
        return gd.load_state(folder / self.end)


COMMAND = {"end": "weights.safetensors"}
RUNS = {
    "numpy": Run(JOB, "numpy", "FOLDER"),
    "torch": Run(JOB, "torch", "FOLDER"),
    "two": Run(*TORCHRUN, JOB, "torch", "FOLDER"),
    "two sharded": Run(*TORCHRUN, JOB, "torch", "FOLDER", "sharded"),
    "command": Run("-m", "graphdiff", *TRAIN, "lenet5", "--batch-size", "128", "--out", "FOLDER", **COMMAND),
    "two commands": Run(
        *(*TORCHRUN, "-m", "graphdiff", *TRAIN, "resnet20", "--synchronise"),
        *("--backend", "torch", "--deterministic", "--batch-size", "256", "--out", "FOLDER"),
        **COMMAND,
    ),
}
# How many times which kind of run is killed, and where: at a moment, or at a line that runs in some place.
PLAN = {
    ("numpy", "moment"): 7,
    ("numpy", "checkpoint"): 5,
    ("numpy", "evaluation"): 2,
    ("numpy", "epoch's end"): 2,
    ("torch", "moment"): 4,
    ("torch", "checkpoint"): 3,
    ("torch", "evaluation"): 1,
    ("torch", "epoch's end"): 1,
    ("command", "moment"): 7,
    ("two", "moment"): 4,
    ("two", "checkpoint"): 2,
    ("two", "evaluation"): 1,
    ("two", "epoch's end"): 1,
    ("two sharded", "moment"): 3,
    ("two sharded", "checkpoint"): 2,
    ("two commands", "moment"): 5,
}
FEW = {("numpy", "moment"): 1, ("numpy", "checkpoint"): 1, ("two", "checkpoint"): 1}


class Whole(NamedTuple):
    """An undisturbed run: the weights at its end, what it took, and how many lines ran in some place."""

    state: dict
    seconds: float
    lines: int


class Campaign:
    """Kills, each of a run of its own, that are compared with undisturbed ones."""

    def __init__(self, folder, seed):
        self.folder, self.rng = folder, random.Random(seed)
        self.known = {}

    def undisturbed(self, kind, place):
        if (kind, place) not in self.known:
            folder, start = self.folder / f"{kind} {place}", time.monotonic()
            traced = {} if place == "moment" else {"KILL_IN": place, "KILL_RANK": "0"}
            state = RUNS[kind].finish(RUNS[kind].start(folder, **traced), folder)
            lines = int((folder / "lines.txt").read_text()) if traced else 0
            self.known[kind, place] = Whole(state, time.monotonic() - start, lines)
        return self.known[kind, place]

    def killed(self, kind, place, number):
        """Kill a run and let it go on to its end."""
        whole, run = self.undisturbed(kind, place), RUNS[kind]
        folder = self.folder / f"{kind} {place} {number}"
        if place == "moment":
            process, where = self._at_a_moment(run, folder, whole.seconds)
        else:
            process, where = self._at_a_line(run, folder, place, whole.lines)
        if not run.two:
            for _ in range(self.rng.randint(0, 2)):  # again, where it goes on
                process = run.start(folder, resume=True)
                time.sleep(self.rng.uniform(0, whole.seconds))
                process.kill()
                process.wait()
            process = run.start(folder, resume=True)
        found = run.finish(process, folder)
        assert place == "moment" or (folder / "killed").exists(), where
        left = [p.name for p in folder.iterdir() if p.name.startswith(".")]
        assert not left, (where, left)
        assert found.keys() == whole.state.keys(), where
        for name, value in whole.state.items():
            tolerance = 1e-6 if run.two else 0
            np.testing.assert_allclose(found[name], value, tolerance, tolerance, err_msg=f"{where}: {name}")
        return where

    def _at_a_line(self, run, folder, place, lines):
        at, rank = self.rng.randint(1, lines), self.rng.choice("01")
        rank = rank if run.two and place != "checkpoint" else "0"
        process = run.start(folder, KILL_IN=place, KILL_AT=str(at), KILL_RANK=rank)
        assert run.two or process.wait(LONGEST) == -signal.SIGKILL
        return process, f"line {at} of {place}, process {rank}"

    def _at_a_moment(self, run, folder, seconds):
        """Whatever the run does then: import, make its data, train, end."""
        for again in range(20):
            sent = self.rng.choices([signal.SIGKILL, signal.SIGTERM], [4, 1])[0]
            after, rank = self.rng.uniform(0, seconds), self.rng.randint(0, 1)
            here = folder.with_name(f"{folder.name}, try {again}")
            process = run.start(here)
            time.sleep(after)
            victim = child(process.pid, rank) if run.two else process.pid
            if process.poll() is None and victim:
                with suppress(ProcessLookupError):
                    os.kill(victim, sent)
            if ended_by(process, here, sent):
                folder.symlink_to(here)
                return process, f"{sent.name} after {after:.2f} s, process {rank}"
            run.finish(process, here)  # it was not there yet, or through
        raise AssertionError("the run is always through before it can be killed")


def ended_by(process, folder, sent):
    """Whether a process, or one that a launcher has started, was ended by a signal."""
    while process.poll() is None:
        if f"(exitcode: {-sent})" in (folder / "said.txt").read_text():
            return True
        time.sleep(0.02)
    return process.poll() == -sent


def child(parent, rank):
    """The process of a rank that a launcher has started, if there is one."""
    with suppress(OSError):  # it has just ended
        for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if f"RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                return int(pid)
    return None


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@pytest.mark.parametrize("plan", [FEW, pytest.param(PLAN, marks=pytest.mark.campaign)])
def test_a_killed_run_ends_as_if_it_had_not_been(tmp_path, plan):
    seed = int(os.environ.get("GRAPHDIFF_SEED", "1000000"))
    campaign, failures, done = Campaign(tmp_path, seed), [], 0
    say(f"seed {seed}")
    for (kind, place), times in plan.items():
        for number in range(times):
            try:
                done += 1
                say(f"{done}: {kind}, {campaign.killed(kind, place, number)}")
            except (AssertionError, subprocess.TimeoutExpired) as failure:
                failures.append(f"{kind}, {place} {number}: {failure}")
                say(f"{done}: failed: {failures[-1]}")
    say(f"kill and resume: {done - len(failures)} of {done}")
    assert not failures, f"seed {seed}: {len(failures)} of {done} failed:\n" + "\n\n".join(failures)
