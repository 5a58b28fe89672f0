"""Training: data in batches, optimizers, and the loop."""

from graphdiff.train.clipping import global_norm
from graphdiff.train.data import Arrays, Split, batches
from graphdiff.train.dataset import Dataset
from graphdiff.train.draws import Draws
from graphdiff.train.optimizer import Common, Optimizer, State
from graphdiff.train.range_test import RangeTest, range_test
from graphdiff.train.scaler import LossScaler
from graphdiff.train.schedule import Schedule, check_schedule
from graphdiff.train.sources import as_batches, prefetch
from graphdiff.train.splits import hold_out, k_folds
from graphdiff.train.trainer import Epoch, History, Metrics, Trainer
from graphdiff.train.transform import Transform

__all__ = [
    "Arrays",
    "Common",
    "Dataset",
    "Draws",
    "Epoch",
    "History",
    "LossScaler",
    "Metrics",
    "Optimizer",
    "RangeTest",
    "Schedule",
    "Split",
    "State",
    "Trainer",
    "Transform",
    "as_batches",
    "batches",
    "check_schedule",
    "global_norm",
    "hold_out",
    "k_folds",
    "prefetch",
    "range_test",
]
