"""A run with all that has a state, to be killed and gone on with: ``kill_job.py BACKEND FOLDER [sharded]``.

It writes ``end.safetensors`` when it is through. KILL_IN names a place in the code, and KILL_AT says at which
line run there, counted from 1, the process KILL_RANK kills itself; without, it writes how many there were.
"""

import os
import signal
import sys
from pathlib import Path

from parallel_job import images

import graphdiff as gd
from graphdiff.interop import state_files
from graphdiff.train import Callback, Checkpoints, EarlyStopping, callbacks, checkpoint, loop
from graphdiff.train import trainer as trainers


class Average(Callback):
    """The mean of the weights after each epoch, in part put back into the model."""

    def __init__(self):
        self.sums, self.n = {}, 0

    def epoch(self, trainer, epoch):
        now = trainer.model.state_dict()
        self.n += 1
        self.sums = {name: self.sums.get(name, 0) + value for name, value in now.items()}
        drawn = {n: v * 0.9 + self.sums[n] / self.n * 0.1 for n, v in now.items() if v.dtype == "float32"}
        trainer.model.load_state_dict(now | drawn)

    def state(self):
        return {"n": self.n} | self.sums

    def load(self, state):
        self.n = state["n"]
        self.sums = {name: value for name, value in state.items() if name != "n"}


def trained(folder, sharded):
    gd.seed(1)
    layers = gd.layers
    net = layers.Sequential(
        conv=layers.Conv2d(1, 4, 3),
        norm=layers.BatchNorm2d(4),
        relu=layers.ReLU(),
        drop=layers.Dropout2d(0.2),
        flat=layers.Flatten(),
        fc1=layers.Linear(144, 16),
        tanh=layers.Tanh(),
        out=layers.Dropout(0.5),
        fc2=layers.Linear(16, 10),
    )
    adam = gd.optimizers.Adam(0.01)
    made = gd.Trainer(net, gd.losses.softmax_cross_entropy, adam, shard_optimizer=sharded)
    x, y = images(300, 1, 8)
    made.fit(
        (x[:200], y[:200] % 3),
        validation=(x[200:], y[200:] % 3),
        epochs=12,
        batch_size=9,
        seed=2,
        transform=gd.transforms.GeometricDistortion(rotation=10, scale=0.1, shift=0.05),
        schedule=gd.schedules.ReduceOnPlateau(0.01, patience=1),
        callbacks=[EarlyStopping(patience=6), Average()],
        checkpoints=Checkpoints(folder, every=4),
        resume="RANK" not in os.environ,  # a launcher's restart says so itself
        progress=False,
    )
    return made


def codes(*owners):
    return {f.__code__ for owner in owners for f in vars(owner).values() if hasattr(f, "__code__")}


PLACES = {
    "checkpoint": codes(Checkpoints, checkpoint, state_files) | {loop.Loop._keep.__code__},
    "evaluation": {gd.Trainer.evaluate.__code__, trainers.evaluating.__wrapped__.__code__},
    "epoch's end": codes(EarlyStopping, Average, callbacks) | {loop.Loop._pass.__code__},
}


class Killer:
    """Kills the process at a line that it runs in some functions."""

    def __init__(self, place, at, folder):
        self.codes, self.at, self.lines, self.folder = PLACES[place], at, 0, folder

    def __call__(self, frame, event, _):
        if frame.f_code not in self.codes:
            return None
        frame.f_trace = self.line
        return self.line

    def line(self, frame, event, _):
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                (self.folder / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return self.line


if __name__ == "__main__":
    backend, folder = sys.argv[1], Path(sys.argv[2])
    place, at = os.environ.get("KILL_IN"), int(os.environ.get("KILL_AT", "0"))
    rank, life = os.environ.get("RANK", "0"), os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    chosen = place and rank == os.environ["KILL_RANK"] and life == "0"
    killer = Killer(place, at, folder) if chosen else None
    with gd.backend(backend, **({"deterministic": True} if backend == "torch" else {})):
        gd.tensor(0.0)  # all is imported that will be
        sys.settrace(killer)
        made = trained(folder, sharded=sys.argv[3:] == ["sharded"])
    sys.settrace(None)
    if killer and not at:
        (folder / "lines.txt").write_text(str(killer.lines))
    state = made.model.state_dict() | made.optimizer.state_dict()
    if rank == "0":
        gd.save_state(folder / "end.safetensors", state)
