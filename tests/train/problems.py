"""Small problems to train on."""

import numpy as np

import graphdiff as gd
from graphdiff.train import Arrays


def points(n=60, seed=0):
    """Two classes of points in space, apart along the first axis."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype("float32")
    return Arrays(x, (x[:, 0] > 0).astype("int64"))


def trainer(optimizer=None, **options):
    gd.seed(0)
    layers = gd.layers
    net = layers.Sequential(fc1=layers.Linear(3, 8), tanh=layers.Tanh(), fc2=layers.Linear(8, 2))
    optimizer = optimizer or gd.optimizers.SGD(0.1, momentum=0.9)
    return gd.Trainer(net, gd.losses.softmax_cross_entropy, optimizer, **options)
