"""For every registered layer, loss, optimizer and model: how to make one and what to give it.

An entry draws from a :class:`graphdiff.testing.Source`. A new plugin needs an entry here, and is then checked
with all others.
"""

import copy
import math

from plugins.layer_samples import SAMPLES
from plugins.loss_samples import LOSSES as LOSS_SAMPLES
from plugins.optimizer_samples import OPTIONS, options_of

import graphdiff as gd

LAYERS = {}  # name -> draw(source) -> (make the layer, its inputs)
LOSSES = {}  # name -> draw(source) -> (loss of the inputs, inputs)
OPTIMIZERS = {}  # name -> draw(source) -> make the optimizer
MODELS = {}  # name -> draw(source) -> (make the model, shape of its images)
LARGE = {
    "googlenet",
    "resnet18",
    "resnet50",
}  # models of many millions of parameters, tried on one shape only
# Deeper or wider ones of the same parts, which only a campaign tries.
HUGE = {"alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "resnet34", "resnet101", "resnet152", "resnet110"}


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


@entry(MODELS, "resnet34", "resnet101", "resnet152")
def deep_resnet(s, name):
    return resnet(s, name)


@entry(MODELS, "resnet20", "resnet32", "resnet44", "resnet56", "resnet110")
def cifar_resnet(s, name):
    side = s.integer(8, 10)
    return lambda: getattr(gd.models, name)(3), (s.integer(2, 3), 3, side, side)


@entry(MODELS, "lenet5_1998")
def lenet_of_1998(s, name):
    classes = s.integer(2, 4)
    return lambda: gd.models.lenet5_1998(classes), (s.integer(1, 3), 1, 32, 32)


@entry(MODELS, "linear", "two_layer", "mlp")
def perceptron(s, name):
    shape = s.shape(min_dims=2, max_dims=4, min_side=1)
    size = math.prod(shape[1:])
    hidden = {"two_layer": {"hidden": 3}, "mlp": {"hidden": (4, 3)}}.get(name, {})
    return lambda: getattr(gd.models, name)(size, 3, **hidden), shape


@entry(MODELS, "alexnet")
def alexnet(s, name):
    return lambda: gd.models.alexnet(3), (2, 3, 63, 63)


@entry(MODELS, "vgg11", "vgg13", "vgg16", "vgg19")
def large_vgg(s, name):
    norm = s.choice([False, True])
    return lambda: getattr(gd.models, name)(3, batch_norm=norm), (2, 3, 32, 32)


@entry(MODELS, "googlenet")
def googlenet(s, name):
    return lambda: gd.models.googlenet(3), (2, 3, 48, 48)
