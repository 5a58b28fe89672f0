"""Training: data in batches, optimizers, the loop, and choosing between models."""

from graphdiff.train.callbacks import Callback, EarlyStopping
from graphdiff.train.checkpoint import Checkpoints
from graphdiff.train.clipping import global_norm
from graphdiff.train.data import Arrays, Split, batches
from graphdiff.train.dataset import Dataset
from graphdiff.train.draws import Draws
from graphdiff.train.history import Epoch, History, Metrics
from graphdiff.train.optimizer import Common, Optimizer, State
from graphdiff.train.parallel import agree, reduced, synchronise
from graphdiff.train.range_test import RangeTest, range_test
from graphdiff.train.scaler import LossScaler
from graphdiff.train.schedule import Schedule, check_schedule
from graphdiff.train.selection import (
    Restarts,
    Scores,
    cross_validate,
    grid_options,
    random_options,
    random_restarts,
    search,
)
from graphdiff.train.sources import as_batches, prefetch
from graphdiff.train.splits import hold_out, k_folds
from graphdiff.train.tensorboard import TensorBoard
from graphdiff.train.trainer import Trainer, accuracy
from graphdiff.train.transfer import freeze, replace_head
from graphdiff.train.transform import Transform

__all__ = [
    "Arrays",
    "Callback",
    "Checkpoints",
    "Common",
    "Dataset",
    "Draws",
    "EarlyStopping",
    "Epoch",
    "History",
    "LossScaler",
    "Metrics",
    "Optimizer",
    "RangeTest",
    "Restarts",
    "Schedule",
    "Scores",
    "Split",
    "State",
    "TensorBoard",
    "Trainer",
    "Transform",
    "accuracy",
    "agree",
    "as_batches",
    "batches",
    "check_schedule",
    "cross_validate",
    "freeze",
    "global_norm",
    "grid_options",
    "hold_out",
    "k_folds",
    "prefetch",
    "random_options",
    "random_restarts",
    "range_test",
    "reduced",
    "replace_head",
    "search",
    "synchronise",
]
