"""The built-in schedules of learning rates, registered as any plugin's."""

from graphdiff_schedules.cosine import Cosine, CosineRestarts, OneCycle
from graphdiff_schedules.decay import Constant, Exponential, MultiStep, Step
from graphdiff_schedules.plateau import ReduceOnPlateau
from graphdiff_schedules.warm_up import WarmUp

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "MultiStep",
    "OneCycle",
    "ReduceOnPlateau",
    "Step",
    "WarmUp",
]
