"""For every registered layer, loss, optimizer and model: how to make one and what to give it.

An entry draws from a :class:`graphdiff.testing.Source`. A new plugin needs an entry here, and is then checked
with all others.
"""

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


@entry(LAYERS, "ReLU", "Sigmoid", "Tanh")
def activation(s, name):
    return getattr(gd.layers, name), [any_array(s)]


@entry(LAYERS, "Dropout")
def dropout(s, name):
    p = s.choice([0.5, 0.0, 0.1, 1.0])
    return lambda: gd.layers.Dropout(p), [any_array(s)]


@entry(LAYERS, "Linear")
def linear(s, name):
    inputs, outputs, bias = s.integer(1, 4), s.integer(1, 4), s.boolean()
    return lambda: gd.layers.Linear(inputs, outputs, bias), [
        s.array((*s.shape(min_side=1, max_dims=2), inputs))
    ]


@entry(LAYERS, "Conv2d")
def convolution(s, name):
    groups = s.choice([1, 2])
    inputs, outputs = groups * s.integer(1, 2), groups * s.integer(1, 2)
    options = {
        "stride": s.integer(1, 2),
        "padding": s.choice([0, 1, "same", (1, 0)]) if groups == 1 else 1,
        "dilation": s.integer(1, 2),
        "groups": groups,
        "bias": s.boolean(),
        "rounding": "floor",
    }
    if options["padding"] == "same":
        options["stride"] = 1
    window = s.choice([1, 2, 3, (1, 3)])
    return lambda: gd.layers.Conv2d(inputs, outputs, window, **options), [images(s, inputs, 5, 7)]


@entry(LAYERS, "BatchNorm2d")
def batch_norm(s, name):
    channels = s.integer(1, 3)
    return lambda: gd.layers.BatchNorm2d(channels), [images(s, channels)]


@entry(LAYERS, "MaxPool2d", "AvgPool2d")
def pooling(s, name):
    window, stride = s.integer(1, 3), s.choice([None, 1, 2])
    padding, rounding = s.integer(0, window // 2), s.choice(["floor", "ceil"])
    return lambda: getattr(gd.layers, name)(window, stride, padding, rounding), [images(s, low=4)]


@entry(LAYERS, "AdaptiveAvgPool2d")
def adaptive(s, name):
    size = (s.integer(1, 3), s.integer(1, 3))
    return lambda: gd.layers.AdaptiveAvgPool2d(size), [images(s, low=3)]


@entry(LAYERS, "GlobalAvgPool2d", "Flatten")
def of_images(s, name):
    return getattr(gd.layers, name), [images(s)]


@entry(LAYERS, "Residual")
def residual(s, name):
    n = s.integer(1, 4)

    def make():
        shortcut = gd.layers.Linear(n, n) if shortcuts else None
        return gd.layers.Residual(gd.layers.Linear(n, n), shortcut)

    shortcuts = s.boolean()
    return make, [s.array((s.integer(1, 3), n))]


@entry(LAYERS, "Sequential")
def sequential(s, name):
    n, depth = s.integer(1, 4), s.integer(0, 3)

    def make():
        return gd.layers.Sequential(*(gd.layers.Linear(n, n) for _ in range(depth)), last=gd.tanh)

    return make, [s.array((s.integer(1, 3), n))]


# Losses


@entry(LOSSES, "softmax_cross_entropy", "hinge")
def of_scores(s, name):
    shape, classes = s.shape(max_dims=2, min_side=1), s.integer(1, 4)
    reduction, loss = s.choice(["mean", "sum", "none"]), getattr(gd.losses, name)
    scores, labels = s.distinct((*shape, classes)), s.integers(shape, 0, classes - 1)
    return lambda *inputs: loss(*inputs, reduction=reduction), [scores, labels]


@entry(LOSSES, "l1", "l2")
def penalty(s, name):
    strength, loss = s.choice([0.5, 0.0, 1e-3]), getattr(gd.losses, name)
    return lambda *inputs: loss(inputs, strength), [any_array(s), any_array(s)]


# Optimizers


@entry(OPTIMIZERS, "SGD")
def descent(s, name):
    momentum = s.choice([0.0, 0.9])
    return lambda: gd.optimizers.SGD(0.1, momentum)


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
