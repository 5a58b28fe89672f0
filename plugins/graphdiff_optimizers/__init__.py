"""The built-in optimizers, registered as any plugin's."""

from graphdiff_optimizers.sgd import SGD

__all__ = ["SGD"]
