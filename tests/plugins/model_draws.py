"""For every registered model: a draw of a small one and of what to give it, as the kit asks for."""

import math

import graphdiff as gd

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
