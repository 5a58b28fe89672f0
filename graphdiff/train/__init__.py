"""Training: data in batches, optimizers, and the loop."""

from graphdiff.train.data import Arrays, Split, batches
from graphdiff.train.dataset import Dataset
from graphdiff.train.draws import Draws
from graphdiff.train.optimizer import Optimizer, State
from graphdiff.train.scaler import LossScaler
from graphdiff.train.sources import as_batches, prefetch
from graphdiff.train.splits import hold_out, k_folds
from graphdiff.train.trainer import Epoch, History, Metrics, Trainer
from graphdiff.train.transform import Transform

__all__ = [
    "Arrays",
    "Dataset",
    "Draws",
    "Epoch",
    "History",
    "LossScaler",
    "Metrics",
    "Optimizer",
    "Split",
    "State",
    "Trainer",
    "Transform",
    "as_batches",
    "batches",
    "hold_out",
    "k_folds",
    "prefetch",
]
