"""The built-in optimizers, registered as any plugin's."""

from graphdiff_optimizers.adam import Adam, AdamW, NAdam
from graphdiff_optimizers.adaptive import Adadelta, AdaGrad, RMSProp
from graphdiff_optimizers.lion import Lion
from graphdiff_optimizers.sgd import SGD

__all__ = ["SGD", "AdaGrad", "Adadelta", "Adam", "AdamW", "Lion", "NAdam", "RMSProp"]
