"""A two-layer network on scikit-learn's handwritten digits, judged on images it never saw."""

from __future__ import annotations

from dataclasses import dataclass

import graphdiff as gd
from graphdiff.train import History, Metrics, Split

HIDDEN = 64
CLASSES = 10
EXAMPLES_DRAWN = 64


@dataclass
class Trained:
    """What the training left.

    Attributes:
        model: the network.
        data: what it was trained and tested on.
        history: the loss of every batch and the measures of every epoch.
        test: loss and accuracy on the held-out images.
    """

    model: gd.Module
    data: Split
    history: History
    test: Metrics


def train(seed: int, epochs: int) -> Trained:
    """Train with momentum and a small L2 penalty; the test images are only looked at."""
    gd.seed(seed)
    data = gd.datasets.digits(seed=seed)
    layers = gd.layers
    model = layers.Sequential(
        fc1=layers.Linear(data.train.inputs.shape[1], HIDDEN),
        relu=layers.ReLU(),
        fc2=layers.Linear(HIDDEN, CLASSES),
    )
    trainer = gd.Trainer(
        model,
        gd.losses.softmax_cross_entropy,
        gd.optimizers.SGD(lr=0.1, momentum=0.9),
        penalty=lambda m: gd.losses.l2(m, 1e-4),
    )
    history = trainer.fit(data.train, validation=data.test, epochs=epochs, seed=seed)
    return Trained(model, data, history, trainer.evaluate(data.test))


def backward_of_a_batch(trained: Trained) -> gd.Backward:
    """Forward and backward of some test images through the trained network, for the picture."""
    images = gd.variable(trained.data.test.inputs[:EXAMPLES_DRAWN], name="images")
    labels = gd.tensor(trained.data.test.labels[:EXAMPLES_DRAWN], name="labels")
    loss: gd.Tensor = gd.losses.softmax_cross_entropy(trained.model(images), labels)
    return loss.named("loss").backward()
