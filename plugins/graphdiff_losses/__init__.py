"""The built-in losses and penalties, registered as any plugin's."""

from graphdiff_losses.cross_entropy import binary_cross_entropy, kl_divergence, softmax_cross_entropy
from graphdiff_losses.penalty import elastic_net, l1, l2
from graphdiff_losses.regression import huber, mean_absolute, mean_squared
from graphdiff_losses.support_vector import hinge

__all__ = [
    "binary_cross_entropy",
    "elastic_net",
    "hinge",
    "huber",
    "kl_divergence",
    "l1",
    "l2",
    "mean_absolute",
    "mean_squared",
    "softmax_cross_entropy",
]
