"""Layers with one flaw each, and one without: what the kit must tell apart."""

import itertools

import numpy as np

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.graph import TensorSpec
from graphdiff.ops.common import same_spec
from graphdiff.primitive import Primitive

_names = (f"flawed_{k}" for k in itertools.count())


def primitive(kernel, rule=lambda g, out, x: g * (2 * x), spec=same_spec):
    """A square, or what is meant to be one, with its kernel on both backends."""
    made = Primitive(next(_names), spec=spec, vjp=(rule,), elementwise=spec is same_spec)
    get_backend("numpy").kernels[made.name] = kernel
    get_backend("torch").kernels[made.name] = lambda x: x * x
    return made


def squares(**options):
    """A layer: w · x² + b with the flaw in its square."""
    square = primitive(**{"kernel": np.square, **options})

    class Squares(gd.Module):
        def __init__(self, features=3):
            self.weight = gd.Parameter(np.linspace(0.5, 1.5, features))
            self.bias = gd.Parameter(np.linspace(-0.5, 0.5, features))

        def forward(self, x):
            return square(gd.as_tensor(x)) * self.weight + self.bias

        @staticmethod
        def samples(source):
            features = source.integer(2, 3)
            return Squares(features), [source.array((source.integer(2, 3), features))]

    return Squares


def forward(function):
    """A layer of two parameters and running statistics whose ``forward`` is ``function(self, x)``."""

    class Layer(gd.Module):
        def __init__(self):
            self.weight = gd.Parameter([0.5, 2.0])
            self.mean = gd.Cell(np.zeros(2), "float32")
            self.seen = gd.tensor(np.zeros(2))
            self.stream = gd.random.Stream(3)

        def forward(self, x):
            return function(self, gd.as_tensor(x))

        @staticmethod
        def samples(source):
            return Layer(), [source.array((source.integer(2, 3), 2))]

    return Layer


def centred(layer, x):
    """Minus the mean of the batch in training, minus a running mean in evaluation."""
    if not layer.training:
        return (x - layer.mean) * layer.weight
    mean = gd.mean(x, 0)
    with gd.no_grad():
        layer.mean.assign(0.9 * layer.mean + 0.1 * mean)
    return (x - mean) * layer.weight


def without_switch(layer, x):
    mean = gd.mean(x, 0)
    with gd.no_grad():
        layer.mean.assign(0.9 * layer.mean + 0.1 * mean)
    return (x - layer.mean) * layer.weight


def unsaved(layer, x):
    if layer.training:
        object.__setattr__(layer, "seen", gd.tensor(np.asarray(gd.mean(x, 0)) + np.asarray(layer.seen)))
        return x * layer.weight
    return (x - gd.tensor(np.asarray(layer.seen), x.dtype)) * layer.weight


def dropping_without_key(layer, x):
    return x * layer.weight * gd.tensor(np.random.default_rng().uniform(0.5, 1.5, x.shape), x.dtype)


def leaking(layer, x):
    return gd.cast(x, "float64") * layer.weight * 1.5


def shared_memory():
    """The gradient comes from a kernel with one work space for all calls."""
    held = {}

    def kernel(g):
        out = held.setdefault((g.shape, g.dtype), np.empty_like(g))
        out[...] = g
        return out

    passed = Primitive(next(_names), spec=same_spec, vjp=(lambda u, out, g: u,), elementwise=True)
    get_backend("numpy").kernels[passed.name] = kernel
    return squares(rule=lambda g, out, x: passed(g * (2 * x)))


def writing(x):
    return np.square(x, out=x)


class Unlabelled(gd.Module):
    """Its label fails where a picture asks for it."""

    def __init__(self):
        self.inner = Labelled()

    def forward(self, x):
        return self.inner(x)

    @staticmethod
    def samples(source):
        return Unlabelled(), [source.array((2, 3))]


class Labelled(gd.Module):
    def forward(self, x):
        return gd.tanh(x)

    def draw_label(self):
        raise RuntimeError("no label")


class Unpickled(gd.Module):
    """Its weight is left out of a pickle and comes back as it is at first."""

    def __init__(self, scale=1.0):
        self.weight = gd.Parameter([scale])

    def forward(self, x):
        return x * self.weight

    def __reduce__(self):
        return Unpickled, ()

    def __deepcopy__(self, memo):
        return Unpickled(self.weight.item())

    @staticmethod
    def samples(source):
        return Unpickled(2.0), [source.array((2, 3))]


layer_count = itertools.count(1)
SOUND = {"squares": squares(), "centred": forward(centred)}
FLAWS = {
    # what is wrong: the layer, and the check that is meant for it
    "a gradient off by 1 %": (squares(rule=lambda g, out, x: g * (2.02 * x)), "gradients"),
    "a gradient of the wrong shape": (
        squares(rule=lambda g, out, x: gd.stack([g * x, g * x], -1)),
        "cotangents",
    ),
    "a gradient that is not linear": (squares(rule=lambda g, out, x: g * g * (2 * x)), "linearity"),
    "a wrong second derivative": (
        squares(rule=lambda g, out, x: g * (2 * gd.stop_gradient(x))),
        "second_order",
    ),
    "float64 that leaks into float32": (forward(leaking), "dtype"),
    "an input written into": (squares(kernel=writing), "unmutated"),
    "gradients in one work space": (shared_memory(), "aliasing"),
    "a forgotten switch": (forward(without_switch), "modes"),
    "state that is not saved": (forward(unsaved), "state"),
    "a shape rule that is wrong": (
        squares(spec=lambda x: TensorSpec(x.shape, "float32")),
        "spec",
    ),
    "random numbers without a key": (forward(dropping_without_key), "deterministic"),
    "memory read in its order": (
        squares(kernel=lambda x: np.square(x.ravel(order="K").reshape(x.shape))),
        "layout",
    ),
    "a number built into what is compiled": (
        forward(lambda layer, x: x * layer.weight * next(layer_count)),
        "compiled",
    ),
    "a label that fails": (Unlabelled, "drawing"),
    "a pickle without the weight": (Unpickled, "copies"),
    "another kernel on the other backend": (
        squares(kernel=lambda x: np.square(x) * 1.5, rule=lambda g, out, x: g * (3 * x)),
        "backends",
    ),
}
