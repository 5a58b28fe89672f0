"""What each process of a test runs: trains, and keeps what came out in a file of its rank.

``parallel_job.py equal FOLDER``, ``three FOLDER``, or ``killed FOLDER STEP`` (``stopped``, ``asleep``).
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from problems import points, trainer

import graphdiff as gd
from graphdiff.train import Callback, Checkpoints, synchronise


def images(n, channels, side):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, channels, side, side)).astype("float32")
    return x, rng.integers(0, 10, n)


def lenet():
    gd.seed(7 + int(os.environ.get("RANK", "0")))  # the others take the first one's weights
    return gd.Trainer(
        gd.models.lenet5(),
        gd.losses.softmax_cross_entropy,
        gd.optimizers.SGD(0.05, momentum=0.9),
        penalty=lambda net: gd.losses.l2(net, 1e-3),
    ), images(25, 1, 28)  # batches of 8, 8, 8 and 1


def resnet20():
    gd.seed(3)
    net = synchronise(gd.models.resnet20())
    sgd = gd.optimizers.SGD(0.01, momentum=0.9)  # what rounding differs by stays small
    return gd.Trainer(net, gd.losses.softmax_cross_entropy, sgd), images(13, 3, 8)  # 8 and 5


def trained(made, data, batch_size=8):
    history = made.fit(data, validation=data, epochs=1, batch_size=batch_size, progress=False)
    measured = history.epochs[-1].validation
    state = made.model.state_dict()
    return {
        "losses": history.losses,
        "norms": history.gradient_norms,
        "measured": list(measured.values()),
    } | {name: state[name] for name in state}


def few():
    """Of three processes, with batches of 4, 4 and 2 examples, and then of 3, 3 and 2."""
    gd.seed(5)
    layers = gd.layers
    net = layers.Sequential(
        conv=layers.Conv2d(1, 3, 3),
        norm=layers.BatchNorm2d(3),
        relu=layers.ReLU(),
        flat=layers.Flatten(),
        fc1=layers.Linear(48, 6),
        wide=layers.BatchNorm1d(6),
        fc2=layers.Linear(6, 10),
    )
    sgd = gd.optimizers.SGD(0.05, momentum=0.9)
    made = gd.Trainer(in_double(synchronise(net)), gd.losses.softmax_cross_entropy, sgd)
    x, y = doubles(10, 1, 6)
    made.fit((x, y), epochs=1, batch_size=4, progress=False)
    found = trained(made, (x[:8], y[:8]), batch_size=3)
    return found | {"of two": list(made.evaluate((x[:2], y[:2])).values())}


def unsynchronised():
    """Each process has running statistics of its own examples, until the epoch ends."""
    gd.seed(5)
    layers = gd.layers
    net = layers.Sequential(norm=layers.BatchNorm2d(1), flat=layers.Flatten(), fc=layers.Linear(36, 10))
    made = gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
    return trained(made, images(24, 1, 6), batch_size=6)


def alone_in_the_last_batch():
    """The last batch has one example, and dropout draws for it what it draws in one process."""
    gd.seed(6)
    layers = gd.layers
    net = layers.Sequential(fc1=layers.Linear(4, 8), drop=layers.Dropout(0.5), fc2=layers.Linear(8, 10))
    made = gd.Trainer(in_double(net), gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1))
    rng = np.random.default_rng(1)
    return trained(made, (rng.normal(size=(1, 4)), rng.integers(0, 10, 1)))


def long():
    """Ten steps of ResNet-20 at a rate at which it moves far, in double precision."""
    gd.seed(3)
    net = in_double(synchronise(gd.models.resnet20()))
    made = gd.Trainer(net, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(0.1, momentum=0.9))
    return trained(made, doubles(40, 3, 8), batch_size=4)


def in_double(net):
    for _, module in net.named_modules():
        for name, cell in list(vars(module).items()):
            if isinstance(cell, gd.Cell) and cell.dtype.is_floating:
                setattr(module, name, type(cell)(cell.numpy(), "float64"))
    return net


def doubles(*sizes):
    x, y = images(*sizes)
    return x.astype("float64"), y


def constants():
    """Sums of constants in compiled functions, which processes trace for more or fewer shapes."""
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    own, same = (gd.tensor(np.full(2, v)) for v in (1.0 if rank else 2.0, 2.0))
    fn = gd.compile(lambda x: (gd.all_reduce(own), gd.all_reduce(same), gd.all_reduce(gd.sum(x))))
    expected = [1.0 + size, 2.0 * size, sum(range(1, 1 + size))]
    for k in range(3):
        found = [float(gd.max(t)) for t in fn(np.ones(1 + rank))]
        assert found == expected, (found, expected)
        fn(np.zeros(9 + k * rank))  # the first process knows this shape after the first time
    return {"traces": fn.traces}


class Clock(Callback):
    """Stops one process after an epoch, as a clock would."""

    def epoch(self, trainer, epoch):
        if trainer.processes.rank == trainer.processes.size - 1 and epoch.number == 2:
            trainer.stop("it is late")


def stopped():
    made = trainer()
    history = made.fit(points(), epochs=9, callbacks=Clock(), progress=False)
    return {"epochs": len(history.epochs), "why": history.stopped} | made.model.state_dict()


def refused(data, validation=None):
    try:
        trainer().fit(data, validation=validation, epochs=2, batch_size=8, progress=False)
    except gd.GraphdiffError as error:
        return str(error)
    return ""


class Uneven:
    """A loader that gives the first process more batches than the others."""

    def __iter__(self):
        x, y = points(30)
        for start in range(0, 30 if os.environ.get("RANK") == "0" else 20, 10):
            yield x[start : start + 10], y[start : start + 10]


def unlike():
    """What is said to processes that see other batches."""
    rank = int(os.environ.get("RANK", 0))
    dealt = [(part.inputs, part.labels) for part in (points(8, seed=rank), points(8, seed=rank + 5))]
    return {"uneven": refused(Uneven()), "dealt": refused(dealt), "validation": refused(points(), dealt)}


class At(Callback):
    """Does something in the second process, at a step of its first life."""

    def __init__(self, step, act):
        self.at, self.act = step, act

    def step(self, trainer, number):
        first_life = os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0"
        if first_life and number == self.at and trainer.processes.rank == 1:
            self.act()


ACTS = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "asleep": lambda: time.sleep(300),
}


def disturbed(folder, what, step):
    made = trainer()
    history = made.fit(
        points(50),
        epochs=3,
        batch_size=16,
        callbacks=[At(step, ACTS[what])],
        checkpoints=Checkpoints(folder / "kept", every=2),
        progress=False,
    )
    return {"losses": history.losses} | made.model.state_dict()


JOBS = {
    "equal": {"lenet": lambda: trained(*lenet()), "resnet20": lambda: trained(*resnet20())},
    "three": {
        "few": few,
        "unsynchronised": unsynchronised,
        "single": alone_in_the_last_batch,
        "long": long,
        "constants": constants,
        "unlike": unlike,
        "stopped": stopped,
    },
}


if __name__ == "__main__":
    what, folder, *step = sys.argv[1:]
    folder, rank = Path(folder), os.environ.get("RANK", "alone")
    with gd.backend("torch"):
        jobs = JOBS.get(what) or {what: lambda: disturbed(folder, what, int(*step))}
        for name, job in jobs.items():
            np.savez(folder / f"{name}-{rank}.npz", **job())
