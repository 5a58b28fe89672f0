"""The built-in losses and penalties, registered as any plugin's."""

from graphdiff_losses.classification import hinge, softmax_cross_entropy
from graphdiff_losses.penalty import l1, l2

__all__ = ["hinge", "l1", "l2", "softmax_cross_entropy"]
