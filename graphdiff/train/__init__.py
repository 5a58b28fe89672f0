"""Training: data in batches, optimizers, and the loop."""

from graphdiff.train.data import Arrays, Split, batches
from graphdiff.train.optimizer import Optimizer, State
from graphdiff.train.scaler import LossScaler
from graphdiff.train.trainer import Epoch, History, Metrics, Trainer

__all__ = [
    "Arrays",
    "Epoch",
    "History",
    "LossScaler",
    "Metrics",
    "Optimizer",
    "Split",
    "State",
    "Trainer",
    "batches",
]
