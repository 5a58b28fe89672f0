"""What each process of a test of sharded optimizer state runs; what came out is kept in a file of its rank.

``sharding_job.py equal FOLDER``, ``sharding_job.py optimizers FOLDER``,
``sharding_job.py part FOLDER EPOCHS SHARDED``, or ``sharding_job.py killed FOLDER STEP``.
"""

import os
import sys
from pathlib import Path

import numpy as np
from parallel_job import ACTS, At, images

import graphdiff as gd
from graphdiff.errors import NonFiniteError
from graphdiff.train import Callback, Checkpoints, LossScaler

RANK = os.environ.get("RANK", "alone")
DATA = (np.random.default_rng(1).normal(size=(54, 6)), np.random.default_rng(2).integers(0, 3, 54))
OPTIMIZERS = {
    "adam": lambda: gd.optimizers.AdamW(0.02, clip_norm=0.3, groups={"*.bias": {"weight_decay": 0}}),
    "sgd": lambda: gd.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.01, clip_value=0.02),
}


class ThawLate(Callback):
    """Trains all but the first layer for three steps, and not the last layer in steps 6 to 8."""

    def start(self, trainer):
        self.first, self.last = trainer.model[0], trainer.model[-1]
        self.first.weight.frozen = True

    def step(self, trainer, number):
        self.first.weight.frozen = number < 3
        self.last.weight.frozen = 5 <= number < 8


def perceptron():
    gd.seed(5)
    linear, tanh = gd.layers.Linear, gd.layers.Tanh
    sizes = [(6, 17), (17, 9), (9, 3)]
    layers = [layer for s in sizes for layer in (linear(*s, dtype="float64"), tanh())]
    return gd.layers.Sequential(*layers[:-1])


def lenet():
    gd.seed(7)
    return gd.models.lenet5()


def made(net, optimizer, sharded):
    return gd.Trainer(net, gd.losses.softmax_cross_entropy, optimizer, shard_optimizer=sharded)


def outcome(trainer, **more):
    """All that training left behind, the same in each process but for the bytes of the state it holds."""
    held = [cells for path, cells in trainer.optimizer.state.items() if path]
    memory = [cell.data.untyped_storage() for cells in held for cell in cells.values()]
    state = trainer.optimizer.state_dict()
    return {
        "bytes": sum({m.data_ptr(): m.nbytes() for m in memory}.values()),
        **more,
        **{f"model/{name}": value for name, value in trainer.model.state_dict().items()},
        **{f"optimizer/{name}": value for name, value in state.items()},
    }


def trained(trainer, data, **options):
    history = trainer.fit(data, batch_size=8, progress=False, **options)
    return outcome(trainer, losses=history.losses, norms=history.gradient_norms)


def own_part():
    """A third or half of the data, and a gradient of all processes from each one's."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    return tuple(np.split(a, size)[rank] for a in DATA), lambda g: gd.all_reduce(g) / size


def scaled(sharded):
    """A loop of its own, compiled, whose third step overflows in all processes where it does in one."""
    net = perceptron()
    trainer = made(net, gd.optimizers.Adam(0.02), sharded)
    scaler = LossScaler(8.0, interval=2)
    data, reduced = own_part()

    def step(x, y, factor):
        loss = gd.losses.softmax_cross_entropy(net(x), y) * factor
        back = scaler.scaled(loss).backward(wrt=net.parameters())
        gradients = {name: reduced(back[p]) for name, p in net.named_parameters()}
        return scaler.step(trainer.optimizer, net, gradients)

    compiled = gd.compile(step)
    bad = np.inf if RANK in ("alone", "1") else 1.0
    went = [bool(compiled(*data, f).item()) for f in np.array([1.0, 1.0, bad, 1.0, 1.0])]
    return outcome(trainer, went=went, scale=scaler.scale)


def plain(sharded, how):
    """A loop of its own that looks at nothing but the new parameters."""
    net = perceptron()
    trainer = made(net, gd.optimizers.AdamW(0.02), sharded)
    data, reduced = own_part()

    def step(x, y):
        back = gd.losses.softmax_cross_entropy(net(x), y).backward(wrt=net.parameters())
        gradients = {name: reduced(back[p]) for name, p in net.named_parameters()}
        trainer.optimizer.step(net, gradients)

    run = how(step)
    for _ in range(4):
        run(*data)
    return outcome(trainer)


def sent():
    """Of every dtype and layout, and what flows back."""
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    last = size - 1
    for dtype in ("bool", "int64", "float16", "bfloat16", "float64"):
        x = gd.tensor(np.arange(6.0).reshape(2, 3) + rank).astype(dtype)
        expected = gd.tensor(np.arange(6.0).reshape(2, 3) + last).astype(dtype)
        np.testing.assert_array_equal(gd.broadcast_from(x.T, last).numpy(), expected.T.numpy())
    zero = gd.broadcast_from(gd.tensor([-0.0]), last)
    v = gd.variable([1.0, 2.0])
    back = gd.sum(gd.broadcast_from(v, last) * (rank + 1)).backward()
    of_all = sum(range(1, size + 1)) if rank == last else 0
    np.testing.assert_array_equal(back[v].numpy(), [of_all, of_all])
    return {"bytes": 0, "sign": np.signbit(zero.numpy())}


def gone_bad(sharded):
    """Goes back to before the step that met NaN."""
    inputs = np.array(DATA[0])
    inputs[20] = np.nan
    trainer = made(perceptron(), OPTIMIZERS["adam"](), sharded)
    batches = [(inputs[k : k + 8], DATA[1][k : k + 8]) for k in range(0, 48, 8)]
    try:
        trainer.fit(batches, epochs=1, fetch_every=4, progress=False)
    except NonFiniteError as error:
        return outcome(trainer, said=str(error))
    raise AssertionError("nothing went bad")


def equal(folder, sharded):
    for name, optimizer in OPTIMIZERS.items():
        trainer = made(perceptron(), optimizer(), sharded)
        keep(folder, name, sharded, trained(trainer, DATA, epochs=2))
        trainer = made(perceptron(), optimizer(), sharded)
        keep(folder, f"thawed-{name}", sharded, trained(trainer, DATA, epochs=2, callbacks=ThawLate()))
    sgd = gd.optimizers.SGD(0.05, momentum=0.9)
    keep(folder, "lenet", sharded, trained(made(lenet(), sgd, sharded), images(25, 1, 28), epochs=1))
    keep(folder, "scaled", sharded, scaled(sharded))
    keep(folder, "compiled", sharded, plain(sharded, gd.compile))
    keep(folder, "eager", sharded, plain(sharded, lambda step: step))
    keep(folder, "sent", sharded, sent())
    keep(folder, "bad", sharded, gone_bad(sharded))


def optimizers(folder, sharded):
    for info in gd.optimizers.list():
        trainer = made(perceptron(), getattr(gd.optimizers, info.name)(0.02), sharded)
        keep(folder, info.name, sharded, trained(trainer, DATA, epochs=1))


def part(folder, epochs, sharded):
    trainer = made(perceptron(), OPTIMIZERS["adam"](), sharded)
    kept = Checkpoints(folder / "kept")
    return trained(trainer, DATA, epochs=epochs, checkpoints=kept, resume=True)


def killed(folder, step):
    trainer = made(perceptron(), OPTIMIZERS["adam"](), sharded=True)
    kept = Checkpoints(folder / "kept", every=2)
    return trained(trainer, DATA, epochs=2, checkpoints=kept, callbacks=At(step, ACTS["killed"]))


def keep(folder, name, sharded, values):
    np.savez(folder / f"{name}-{'sharded' if sharded else 'whole'}-{RANK}.npz", **values)


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    with gd.backend("torch"):
        if what == "part":
            keep(folder, f"part-{rest[0]}", rest[1], part(folder, rest[0], bool(rest[1])))
        elif what == "killed":
            keep(folder, "killed", True, killed(folder, *rest))
        else:
            for sharded in (False, True):
                {"equal": equal, "optimizers": optimizers}[what](folder, sharded)
