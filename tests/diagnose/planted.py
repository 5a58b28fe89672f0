"""Computations with one node, parameter or number in them that makes NaN or infinity where it is told to."""

import numpy as np

import graphdiff as gd

NAME = "planted"

# Each takes a tensor of moderate numbers; the last operation makes the first NaN or infinity of the value.
FORWARD = {
    "log of 0": lambda v: gd.log(v - v),
    "log of a negative number": lambda v: gd.log(v * 0.0 - 1.0),
    "0 / 0": lambda v: (v - v) / (v * 0.0),
    "x / 0": lambda v: (v * 0.0 + 3.0) / (v - v),
    "1 / 0": lambda v: gd.reciprocal(v - v),
    "square root": lambda v: gd.sqrt(v * 0.0 - 2.0),
    "overflow of exp": lambda v: gd.exp(v * 0.0 + 1e4),
    "overflow of a square": lambda v: gd.square(v * 0.0 + largest(v)),
    "power": lambda v: gd.power(v - v, -1.0),
    "arcsin": lambda v: gd.arcsin(v * 0.0 + 2.0),
    "a composite": lambda v: broken_composite(v),
}


def largest(v):
    return float(np.finfo(str(v.dtype)).max) / 2


broken_composite = gd.Composite("broken_composite", lambda x: gd.tanh(gd.log(x * 0.0 - 1.0)))


def wrong(name, rule):
    """x itself, with a derivative that goes wrong."""
    return gd.Composite(name, gd.identity, vjp=(rule,), elementwise=True)


# Each is finite, and what it passes back is not.
BACKWARD = {
    "square root at 0": lambda v: gd.sqrt(v - v),
    "power at 0": lambda v: gd.power(v - v, 0.5),
    "arcsin at 1": lambda v: gd.arcsin(v * 0.0 + 1.0),
    "arccos at -1": lambda v: gd.arccos(v * 0.0 - 1.0),
    "a vjp that divides by 0": wrong("wrong_divides", lambda g, y, x: (g * 0.0 + 1.0) / (x * 0.0)),
    "a vjp that overflows": wrong("wrong_overflows", lambda g, y, x: gd.exp(g * 0.0 + 1e4)),
    "a vjp with NaN in it": wrong("wrong_constant", lambda g, y, x: g * float("nan")),
    "a vjp with two steps": wrong("wrong_deep", lambda g, y, x: gd.tanh(gd.log(x * 0.0 - 1.0)) * g),
}

BOUNDED = [
    lambda u, v: gd.tanh(u + v),
    lambda u, v: gd.sin(u * v),
    lambda u, v: gd.sigmoid(u - v),
    lambda u, v: gd.relu(u) * 0.5 + gd.cos(v),
    lambda u, v: gd.softmax(u * v, -1),
    lambda u, v: gd.tanh(u @ v),
    lambda u, v: gd.log_softmax(u + gd.transpose(v), -1),
    lambda u, v: gd.sqrt(gd.square(u) + 1.0) - v,
]


def random_graph(seed, plant):
    """A random graph over three 3×3 variables, with what is planted somewhere on the way to its result."""
    rng = np.random.default_rng(seed)
    values = [gd.variable(rng.uniform(0.5, 2.0, (3, 3)), name=name) for name in "abc"]
    at = rng.integers(0, 12)
    for k in range(12):
        if k == at:
            planted = plant(values[rng.integers(len(values))]).named(NAME)
            values.append(planted)
        one, two = rng.integers(len(values), size=2)
        values.append(BOUNDED[rng.integers(len(BOUNDED))](values[one], values[two]))
    return gd.sum(values[-1] + values[-2] * values[-3] + planted * 0.25)


class Recurrent(gd.Module):
    """h ← tanh(x W + h U) along a sequence, and scores from the last h."""

    def __init__(self, rng):
        self.inputs = gd.Parameter(rng.normal(size=(4, 6)).astype("float32") * 0.3)
        self.state = gd.Parameter(rng.normal(size=(6, 6)).astype("float32") * 0.3)
        self.middle = gd.layers.ReLU()
        self.head = gd.layers.Linear(6, 3, seed=0)

    def forward(self, x):
        h = gd.zeros((x.shape[0], 6), "float32")
        for t in range(x.shape[1]):
            h = self.middle(gd.tanh(x[:, t] @ self.inputs + h @ self.state))
        return self.head(h)


def recurrent(rng):
    return Recurrent(rng), rng.normal(size=(5, 4, 4)).astype("float32"), rng.integers(3, size=5)


def normalized(rng):
    layers = gd.layers
    net = layers.Sequential(
        fc1=layers.Linear(5, 8, seed=0),
        norm=layers.BatchNorm1d(8),
        relu=layers.ReLU(),
        fc2=layers.Linear(8, 3, seed=1),
    )
    return net, rng.normal(size=(16, 5)).astype("float32"), rng.integers(3, size=16)


def lenet(rng):
    gd.seed(0)
    net = gd.models.lenet5()
    return net, rng.normal(size=(2, 1, 28, 28)).astype("float32"), rng.integers(10, size=2)


def resnet(rng):
    gd.seed(0)
    net = gd.models.resnet20()
    return net, rng.normal(size=(2, 3, 32, 32)).astype("float32"), rng.integers(10, size=2)


MODELS = {"recurrent": recurrent, "batch norm": normalized, "lenet": lenet, "resnet20": resnet}


def plant_in(net, plant, rng):
    """Have one of the ReLUs, norms or linear layers of a model hand on what is planted instead."""
    kinds = ("ReLU", "BatchNorm1d", "BatchNorm2d", "Linear", "Conv2d")
    places = [m for _, m in net.named_modules() if type(m).__name__ in kinds]
    place = places[rng.integers(len(places))]
    forward = place.forward
    place.forward = lambda x: plant(forward(x)).named(NAME)
