"""Layers, models, losses, penalties, initial values."""

import numpy as np

import graphdiff as gd

L, S = gd.layers, gd.losses
X, IMAGES = np.ones((2, 3), "float32"), np.ones((2, 3, 8, 8), "float32")
SCORES = np.zeros((2, 4), "float32")


def _replaced_by_a_tensor():
    L.Linear(2, 2).weight = gd.tensor([[1.0]])


class _Empty(gd.Module):
    pass


WRONG = {
    "a linear layer of no inputs": (lambda: L.Linear(0, 3), ["0"]),
    "a linear layer of half an input": (lambda: L.Linear(2.5, 3), ["2.5"]),
    "a linear layer of text": (lambda: L.Linear("2", 3), ["'2'"]),
    "a linear layer on other features": (lambda: L.Linear(4, 2)(X), ["(2, 3)", "4"]),
    "a linear layer on text": (lambda: L.Linear(3, 2)("abc"), ["tensor"]),
    "a linear layer on a number": (lambda: L.Linear(3, 2)(1.0), ["()"]),
    "a convolution of no channels": (lambda: L.Conv2d(0, 2, 3), ["0"]),
    "a convolution of half a kernel": (lambda: L.Conv2d(1, 2, 1.5), ["1.5"]),
    "a convolution on other channels": (
        lambda: L.Conv2d(1, 2, 3)(IMAGES),
        ["float32[2, 3, 8, 8]", "expect 1", "Conv2d"],
    ),
    "a convolution without batch": (lambda: L.Conv2d(3, 2, 3)(IMAGES[0]), ["(3, 8, 8)"]),
    "a convolution of too large a kernel": (lambda: L.Conv2d(3, 2, 9)(IMAGES), ["9", "8"]),
    "groups that do not divide": (lambda: L.Conv2d(3, 4, 3, groups=2), ["groups"]),
    "a stride of 0": (lambda: L.Conv2d(3, 4, 3, stride=0)(IMAGES), ["stride"]),
    "padding that is no mode": (lambda: L.Conv2d(3, 4, 3, padding="all")(IMAGES), ["all"]),
    "a pool of size 0": (lambda: L.MaxPool2d(0)(IMAGES), ["0"]),
    "a pool larger than the image": (lambda: L.AvgPool2d(9)(IMAGES), ["9", "8"]),
    "a pool of vectors": (lambda: L.MaxPool2d(2)(X), ["(2, 3)"]),
    "batch norm on other channels": (lambda: L.BatchNorm2d(4)(IMAGES), ["4", "3"]),
    "batch norm on vectors": (lambda: L.BatchNorm2d(3)(X), ["(2, 3)"]),
    "batch norm of a single value": (lambda: L.BatchNorm1d(3)(X[:1]), ["(1, 3)"]),
    "batch norm of nothing": (lambda: L.BatchNorm1d(0), ["0"]),
    "groups of channels that do not divide": (lambda: L.GroupNorm(2, 3), ["2", "3"]),
    "layer norm of another shape": (lambda: L.LayerNorm(4)(X), ["4", "(2, 3)"]),
    "dropout of an impossible share": (lambda: L.Dropout(1.5), ["1.5"]),
    "dropout of text": (lambda: L.Dropout("a"), ["'a'"]),
    "dropout of channels of a matrix": (lambda: L.Dropout2d(0.5)(X), ["(2, 3)"]),
    "an embedding of fractions": (lambda: L.Embedding(5, 2)(X), ["float32"]),
    "an embedding out of range": (lambda: L.Embedding(5, 2)([7]), ["7"]),
    "an embedding of nothing": (lambda: L.Embedding(0, 2), ["0"]),
    "a sequence of what is no layer": (lambda: L.Sequential(3), ["3"]),
    "a maxout of one piece too few": (lambda: L.Maxout(0), ["0"]),
    "an adaptive pool to nothing": (lambda: L.AdaptiveAvgPool2d(0)(IMAGES), ["0"]),
    "an unknown layer": (lambda: L.Linaer, ["Linaer", "Linear"]),
    "a model of an impossible number of classes": (lambda: gd.models.mlp(3, 0, [4]), ["0"]),
    "a model with hidden layers that are none": (lambda: gd.models.mlp(3, 2, [0]), ["0"]),
    "a model on other images": (
        lambda: gd.models.lenet5()(np.ones((1, 3, 32, 32), "float32")),
        ["float32[1, 3, 32, 32]", "features.0"],
    ),
    "a module without forward": (lambda: _Empty()(X), ["_Empty", "forward"]),
    "a parameter replaced by a tensor": (_replaced_by_a_tensor, ["assign"]),
    "a state dict with names missing": (lambda: L.Linear(2, 2).load_state_dict({}), ["weight", "bias"]),
    "a state dict of other shapes": (
        lambda: L.Linear(2, 2).load_state_dict({"weight": np.ones((3, 3)), "bias": np.ones(2)}),
        ["weight", "(2, 2)", "(3, 3)"],
    ),
    "a state dict of text": (
        lambda: L.Linear(1, 1).load_state_dict({"weight": "a", "bias": [1.0]}),
        ["number"],
    ),
    "a state dict that is none": (lambda: L.Linear(1, 1).load_state_dict([1.0]), ["list"]),
    "freezing what is not there": (lambda: gd.freeze(L.Linear(2, 2), "conv*"), ["conv*", "weight"]),
    "a new head for a model without one": (lambda: gd.replace_head(L.Tanh(), 3), ["Tanh"]),
    "labels out of range": (lambda: S.softmax_cross_entropy(SCORES, [0, 4]), ["4"]),
    "labels below 0": (lambda: S.softmax_cross_entropy(SCORES, [0, -1]), ["-1"]),
    "labels of another number": (lambda: S.softmax_cross_entropy(SCORES, [0, 1, 2]), ["(2, 4)", "(3,)"]),
    "probabilities of another shape": (
        lambda: S.softmax_cross_entropy(SCORES, np.ones((2, 3))),
        ["(2, 4)", "(2, 3)"],
    ),
    "labels that are booleans": (lambda: S.softmax_cross_entropy(SCORES, [True, False]), ["bool"]),
    "unsigned labels that cannot be what is ignored": (
        lambda: S.softmax_cross_entropy(SCORES, np.array([0, 1], "uint8"), ignore_index=-100),
        ["softmax_cross_entropy", "ignore_index=-100", "uint8"],
    ),
    "hidden layers that are a number": (lambda: gd.models.mlp(3, 2, 4), ["hidden"]),
    "an ignored label that is none": (
        lambda: S.softmax_cross_entropy(SCORES, [0, 1], ignore_index=0.5),
        ["ignore_index=0.5"],
    ),
    "too much smoothing": (lambda: S.softmax_cross_entropy(SCORES, [0, 1], label_smoothing=2), ["2"]),
    "smoothing that is no number": (
        lambda: S.softmax_cross_entropy(SCORES, [0, 1], label_smoothing="a"),
        ["label_smoothing"],
    ),
    "class weights of another number": (
        lambda: S.softmax_cross_entropy(SCORES, [0, 1], class_weights=[1.0]),
        ["(1,)", "(2, 4)"],
    ),
    "an unknown reduction": (lambda: S.hinge(SCORES, [0, 1], reduction="max"), ["max"]),
    "hinge labels out of range": (lambda: S.hinge(SCORES, [0, 9]), ["9"]),
    "targets of another shape": (lambda: S.mean_squared(X, np.ones(3)), ["(2, 3)", "(3,)"]),
    "a Huber width of 0": (lambda: S.huber(X, X, delta=0), ["delta"]),
    "binary targets of another shape": (lambda: S.binary_cross_entropy(X, np.ones(2)), ["(2, 3)"]),
    "a positive weight of another shape": (
        lambda: S.binary_cross_entropy(X, X, pos_weight=np.ones(2)),
        ["(2,)", "(2, 3)"],
    ),
    "a divergence of another shape": (lambda: S.kl_divergence(X, SCORES), ["(2, 3)", "(2, 4)"]),
    "a penalty as a loss": (lambda: S.l2(X, X), ["penalty"]),
    "a negative penalty": (lambda: S.l2(L.Linear(2, 2), -1), ["-1"]),
    "a penalty on nothing": (lambda: S.l1([], 0.1), ["0 parameters"]),
    "a penalty that is text": (lambda: S.l2(L.Linear(2, 2), "a"), ["'a'"]),
    "a penalty by a name that is not there": (lambda: S.l2(L.Linear(2, 2), 1, match="conv*"), ["conv*"]),
    "an unknown loss": (lambda: S.crossentropy, ["crossentropy"]),
    "as many inputs as no array has": (lambda: L.Linear(2**70, 1), ["Linear", "as large"]),
    "a bias that is an array": (lambda: L.Linear(2, 1, bias=np.ones(1)), ["Linear", "bias"]),
    "a seed that is text": (lambda: L.Linear(2, 1, seed="a"), ["Linear", "'a'", "2¹²⁸"]),
    "a way around what is no function": (lambda: L.Residual(3), ["Residual", "body=3"]),
    "a momentum of None": (lambda: L.BatchNorm1d(2, momentum=None), ["BatchNorm1d", "momentum=None"]),
    "images too small for LeNet": (lambda: gd.models.lenet5(image_size=8), ["lenet5", "image_size=8", "12"]),
    "a network without stages": (lambda: gd.models.small_vgg(widths=()), ["small_vgg", "widths"]),
    "a weight without a shape": (lambda: gd.init.xavier_normal(3), ["xavier_normal", "weight=3"]),
    "a gain below 0": (lambda: gd.init.xavier_normal(X, -1), ["xavier_normal", "gain=-1"]),
    "fans of a vector": (lambda: gd.init.fans(np.ones(3)), ["(3,)"]),
    "an unknown gain": (lambda: gd.init.gain("step"), ["step"]),
    "an unknown fan": (lambda: gd.init.kaiming_normal(X, mode="fan"), ["fan"]),
}
