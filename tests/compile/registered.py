"""For every registered layer, loss, optimizer and model: how to make one and what to give it.

An entry draws from a :class:`graphdiff.testing.Source`. A new plugin needs an entry here, and is then checked
with all others.
"""

import copy

from plugins.layer_samples import SAMPLES
from plugins.loss_samples import LOSSES as LOSS_SAMPLES
from plugins.optimizer_samples import OPTIONS, options_of

import graphdiff as gd

LAYERS = {}  # name -> draw(source) -> (make the layer, its inputs)
LOSSES = {}  # name -> draw(source) -> (loss of the inputs, inputs)
OPTIMIZERS = {}  # name -> draw(source) -> make the optimizer
MODELS = {}  # name -> draw(source) -> (make the model, shape of its images)
LARGE = {"resnet18", "resnet50"}  # models of many millions of parameters, tried on one shape only


def entry(table, *names):
    def register(draw):
        for name in names:
            assert name not in table
            table[name] = draw
        return draw

    return register


def images(s, channels=None, low=2, high=6):
    """(N, C, H, W) without equal elements, so that no maximum is a tie."""
    shape = (s.integer(1, 3), channels or s.integer(1, 3), s.integer(low, high), s.integer(low, high))
    return s.distinct(shape) / 4


def any_array(s):
    return s.distinct(s.shape(min_dims=1, min_side=1)) / 4


# Layers


@entry(LAYERS, "Dropout", "Dropout2d")
def dropout(s, name):
    p = s.choice([0.5, 0.0, 0.1, 1.0])
    return lambda: getattr(gd.layers, name)(p), [images(s)]


@entry(LAYERS, *SAMPLES)
def layer(s, name):
    made, _, x = SAMPLES[name](s)
    return lambda: copy.deepcopy(made), [x]  # the copy's cells go to the current backend


# Losses


@entry(LOSSES, *(name for name in LOSS_SAMPLES if name != "soft labels"))
def loss(s, name):
    if name == "softmax_cross_entropy":
        name = s.choice([name, "soft labels"])
    inputs, ours, _ = LOSS_SAMPLES[name](s)
    reduction = s.choice(["mean", "sum", "none"])
    return lambda *xs: ours(*xs, reduction), inputs


@entry(LOSSES, "l1", "l2", "elastic_net")
def penalty(s, name):
    strength, loss = s.choice([0.5, 0.0, 1e-3]), getattr(gd.losses, name)
    return lambda *inputs: loss(inputs, strength), [any_array(s), any_array(s)]


# Optimizers


@entry(OPTIMIZERS, *OPTIONS)
def optimizer(s, name):
    options = options_of(name, s) | {"clip_norm": s.choice([None, 0.5])}
    return lambda: getattr(gd.optimizers, name)(0.05, **options)


# Models, small


@entry(MODELS, "lenet5")
def lenet(s, name):
    channels, side = s.integer(1, 2), 4 * s.integer(3, 5)
    return lambda: gd.models.lenet5(3, channels, side), (s.integer(1, 3), channels, side, side)


@entry(MODELS, "small_vgg")
def vgg(s, name):
    widths = s.choice([(2,), (2, 3), (3, 2, 2)])
    side = 2 ** len(widths) * s.integer(1, 2)
    return lambda: gd.models.small_vgg(3, 3, widths), (s.integer(1, 3), 3, side, side)


@entry(MODELS, "resnet18", "resnet50")
def resnet(s, name):
    stem, side = s.choice(["cifar", "imagenet"]), s.integer(16, 20)
    return lambda: getattr(gd.models, name)(3, 3, stem), (s.integer(2, 3), 3, side, side)
