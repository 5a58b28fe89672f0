"""Examples of the activations that take options."""

import torch.nn.functional as F
from ops.examples import example
from ops.references import NUMPY, TORCH

import graphdiff as gd


@example("leaky_relu")
def leaky_relu(s):
    slope = s.choice([0.01, 0.5, -1.0])
    return (
        [s.array(s.shape())],
        lambda x: gd.leaky_relu(x, slope),
        lambda x: NUMPY["leaky_relu"](x, slope),
        lambda x: F.leaky_relu(x, slope),
    )


@example("elu")
def elu(s):
    alpha = s.choice([1, 0.5, 2.0])
    return (
        [s.array(s.shape())],
        lambda x: gd.elu(x, alpha),
        lambda x: NUMPY["elu"](x, alpha),
        lambda x: F.elu(x, alpha),
    )


@example("gelu")
def gelu(s):
    kind, name = s.choice([("none", "gelu"), ("tanh", "gelu_tanh")])
    return [s.array(s.shape())], lambda x: gd.gelu(x, kind), NUMPY[name], TORCH[name]
