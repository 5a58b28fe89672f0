"""What each process of a test runs: trains, and keeps what came out in a file of its rank.

``parallel_job.py equal FOLDER``, or ``parallel_job.py killed FOLDER STEP``.
"""

import os
import signal
import sys
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


def trained(made, data):
    history = made.fit(data, validation=data, epochs=1, batch_size=8, progress=False)
    measured = history.epochs[-1].validation
    state = made.model.state_dict()
    return {
        "losses": history.losses,
        "norms": history.gradient_norms,
        "measured": list(measured.values()),
    } | {name: state[name] for name in state}


class Die(Callback):
    """Kills the second process at a step of its first life."""

    def __init__(self, at):
        self.at = at

    def step(self, trainer, number):
        first_life = os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0"
        if first_life and number == self.at and trainer.processes.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(folder, step):
    made = trainer()
    kept = Checkpoints(folder / "kept", every=2)
    history = made.fit(
        points(50),
        epochs=3,
        batch_size=16,
        callbacks=[Die(step)],
        checkpoints=kept,
        progress=False,
    )
    return {"losses": history.losses} | made.model.state_dict()


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    rank = os.environ.get("RANK", "alone")
    with gd.backend("torch"):
        if what == "killed":
            np.savez(folder / f"killed-{rank}.npz", **killed(folder, int(sys.argv[3])))
        else:
            np.savez(folder / f"lenet-{rank}.npz", **trained(*lenet()))
            np.savez(folder / f"resnet20-{rank}.npz", **trained(*resnet20()))
